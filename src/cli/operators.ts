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
  const root = new Command('admin-keys').description('keys of operators, each with a role');
  const client = (options: Options) => createAdminClient(options, environment());

  adminArguments(root.command('create').argument('<name>').description('create one; it is shown once'))
    .addOption(new Option('--role <role>', 'what it may do').choices(ADMIN_ROLES).default('read-only'))
    .action(async (name: string, options: Options & { role: AdminRole }) => {
      const created = await dataOf(client(options).POST('/admin/admin-keys', { body: { name, role: options.role } }));
      print(
        options.json
          ? JSON.stringify(created)
          : `${created.key}\n\n${created.id} (${name}, ${created.role}). It is shown only now.`,
      );
    });
  adminArguments(root.command('list').description('all, revoked ones too')).action(async (options: Options) => {
    const { data } = await dataOf(client(options).GET('/admin/admin-keys'));
    if (options.json) return print(JSON.stringify(data));
    const rows = data.map(({ id, name, hint, role, revoked_at: revoked }) => [
      id,
      name,
      hint,
      role,
      revoked === null ? 'active' : 'revoked',
    ]);
    print(formatTable(['ID', 'NAME', 'KEY', 'ROLE', 'STATE'], rows));
  });
  adminArguments(root.command('revoke').argument('<id>').description('revoke one, immediately and permanently')).action(
    async (id: string, options: Options) => {
      await dataOf(client(options).DELETE('/admin/admin-keys/{id}', { params: { path: { id } } }));
      print(options.json ? JSON.stringify({ id, revoked: true }) : `${id} is revoked.`);
    },
  );
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
  return adminArguments(new Command('audit').description('what was changed in the administration, by whom'))
    .option('--limit <n>', 'how many, newest first (default: 100)', wholeNumber)
    .option('--path <path>', 'beginning of the path, such as /admin/keys; /configuration for its file')
    .option('--actor <text>', 'a part of the name of who did it')
    .option('--method <method>', 'POST, PATCH, PUT, DELETE; GET of a sign-in; RELOAD of the configuration')
    .option('--from <day>', 'first day or moment, such as 2026-11-01 (UTC)')
    .option('--to <day>', 'last day, or moment')
    .action(async ({ limit, path, actor, method, from, to, ...options }: Options & AuditOptions) => {
      const given = { limit, path, actor, method, from, to };
      const query = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
      const { data } = await dataOf(
        createAdminClient(options, environment()).GET('/admin/audit', { params: { query } }),
      );
      if (options.json) return print(JSON.stringify(data));
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
