// `sluice admin-keys …` and `sluice audit`: who may administer Sluice, and what they did.
import { Command, Option } from 'commander';
import { ADMIN_ROLES, type AdminRole } from '../accounts/admin-key-store.ts';
import type { Environment } from '../config/environment.ts';
import { type AdminOptions, createAdminClient, dataOf } from './admin-client.ts';
import { adminArguments, wholeNumber } from './arguments.ts';
import { formatTable, print } from './terminal.ts';

type Options = AdminOptions & { json: boolean };

export function operatorCommands(environment: () => Environment): Command[] {
  return [adminKeysCommand(environment), auditCommand(environment)];
}

function adminKeysCommand(environment: () => Environment): Command {
  const root = new Command('admin-keys').description('admin keys for operators, each with a role');
  const client = (options: Options) => createAdminClient(options, environment());

  adminArguments(root.command('create').argument('<name>').description('create one; it is shown once'))
    .addOption(new Option('--role <role>', 'role of the key').choices(ADMIN_ROLES).default('read-only'))
    .action(async (name: string, options: Options & { role: AdminRole }) => {
      const created = await dataOf(client(options).POST('/admin/admin-keys', { body: { name, role: options.role } }));
      print(
        options.json
          ? JSON.stringify(created)
          : `${created.key}\n\n${created.id} (${name}, ${created.role}). The key is shown only once.`,
      );
    });
  adminArguments(root.command('list').description('list all, including revoked ones')).action(
    async (options: Options) => {
      const { data } = await dataOf(client(options).GET('/admin/admin-keys'));
      if (options.json) return print(JSON.stringify(data));
      if (data.length === 0) return print('There are no admin keys besides SLUICE_ADMIN_KEY.');
      const rows = data.map(({ id, name, hint, role, revoked_at: revoked }) => [
        id,
        name,
        hint,
        role,
        revoked === null ? 'active' : 'revoked',
      ]);
      print(formatTable(['ID', 'NAME', 'KEY', 'ROLE', 'STATE'], rows));
    },
  );
  adminArguments(
    root.command('revoke').argument('<id>').description('revoke an admin key, immediately and permanently'),
  ).action(async (id: string, options: Options) => {
    await dataOf(client(options).DELETE('/admin/admin-keys/{id}', { params: { path: { id } } }));
    print(options.json ? JSON.stringify({ id, revoked: true }) : `${id} has been revoked.`);
  });
  return root;
}

interface AuditOptions {
  limit?: number;
  path?: string;
  actor?: string;
  method?: string;
  from?: string;
  to?: string;
}

function auditCommand(environment: () => Environment): Command {
  return adminArguments(new Command('audit').description('audit log: administrative changes and who made them'))
    .option('--limit <n>', 'number of entries, newest first (default: 100)', wholeNumber)
    .option('--path <path>', 'path prefix, such as /admin/keys; /configuration for changes of the configuration file')
    .option('--actor <text>', 'part of the actor’s name')
    .option('--method <method>', 'POST, PATCH, PUT, DELETE; GET of a sign-in; RELOAD of the configuration')
    .option('--from <day>', 'first day or time, such as 2026-11-01 (UTC)')
    .option('--to <day>', 'last day or time')
    .action(async ({ limit, path, actor, method, from, to, ...options }: Options & AuditOptions) => {
      const given = { limit, path, actor, method, from, to };
      const query = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
      const { data } = await dataOf(
        createAdminClient(options, environment()).GET('/admin/audit', { params: { query } }),
      );
      if (options.json) return print(JSON.stringify(data));
      if (data.length === 0) return print('No entries.');
      const rows = data.map(({ at, actor, role, method, path, status }) => [
        at.slice(0, 19).replace('T', ' '),
        actor,
        role,
        `${method} ${path}`,
        String(status),
      ]);
      print(formatTable(['TIME (UTC)', 'WHO', 'ROLE', 'WHAT', 'STATUS'], rows));
    });
}
