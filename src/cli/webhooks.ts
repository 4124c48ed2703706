// `sluice webhooks`: works on the database, as `sluice keys` does; the processes that deliver poll it once a second.
import { Command, Option } from 'commander';
import type { z } from 'zod';
import type { Environment } from '../config/environment.ts';
import type { Runtime } from '../config/runtime.ts';
import { addressRulesOf, DEFAULT_WEBHOOK_EVENTS, webhookEvents, webhookUrl } from '../config/webhook-schema.ts';
import { openDatabase } from '../storage/database.ts';
import { type AddressGuard, createAddressGuard } from '../webhooks/address-guard.ts';
import { createDeliveryStore, type DeliveryState, type DeliveryStore } from '../webhooks/delivery-store.ts';
import { createEndpointStore, type EndpointStore } from '../webhooks/endpoint-store.ts';
import { createSecretBox, PLAIN_SECRETS } from '../webhooks/secret-box.ts';
import { type HealthOptions, healthArguments, list } from './arguments.ts';
import { runProcess } from './child-processes.ts';
import { complain, formatTable, print } from './terminal.ts';

export interface WebhooksHost {
  runtime: () => Runtime;
  environment: () => Environment;
  /** Passed to the process that `run` starts. */
  childVariables: (environment: Environment) => Record<string, string | undefined>;
}

interface Stores {
  endpoints: EndpointStore;
  deliveries: DeliveryStore;
  guard: AddressGuard;
  isSealing: boolean;
}

const DEFAULT_LIMIT = 50;
const MAX_REPLAYS = 10_000;

export function webhooksCommand(host: WebhooksHost): Command {
  const webhooks = new Command('webhooks').description('webhook receivers and deliveries');
  const withStores = <T>(use: (stores: Stores) => Promise<T>) => useStores(host.runtime(), use);

  webhooks
    .command('list')
    .description('list all receivers, including disabled ones')
    .option('--json', 'machine-readable', false)
    .action((options: { json: boolean }) => withStores(({ endpoints }) => listEndpoints(endpoints, options.json)));

  webhooks
    .command('add')
    .argument('<url>', 'URL that receives the events')
    .description('register a receiver; its secret is shown once')
    .option('-e, --event <type>', 'batch.completed, batch.*, * (repeatable; default: batch.*)', list)
    .option('-k, --key <id>', 'only events of this client key')
    .option('--json', 'machine-readable', false)
    .action((url: string, options: AddOptions) => withStores((stores) => addEndpoint(stores, url, options)));

  webhooks
    .command('remove')
    .argument('<id>', 'we_…, from `sluice webhooks list`')
    .description('remove a receiver')
    .action((id: string) => withStores(({ endpoints }) => removeEndpoint(endpoints, id)));

  webhooks
    .command('enable')
    .argument('<id>', 'we_…, from `sluice webhooks list`')
    .description('resume sending to a receiver that was disabled because it answered 410')
    .action((id: string) =>
      withStores(async ({ endpoints }) => {
        if ((await endpoints.enable(id)) === null) throw new Error(noSuch('receiver', id));
        print(`${id} is enabled.`);
      }),
    );

  webhooks
    .command('deliveries')
    .description('list deliveries, newest first')
    .addOption(stateOption())
    .option('-n, --limit <n>', 'number of deliveries', Number, DEFAULT_LIMIT)
    .option('--json', 'machine-readable', false)
    .action((options: { state?: DeliveryState; limit: number; json: boolean }) =>
      withStores(({ deliveries }) => listDeliveries(deliveries, options)),
    );

  webhooks
    .command('replay')
    .argument('[ids...]', 'whd_…, from `sluice webhooks deliveries`')
    .description('send deliveries again with the same webhook-id')
    .option('--failed', 'all failed deliveries', false)
    .action((ids: string[], options: { failed: boolean }) =>
      withStores(({ deliveries }) => replay(deliveries, ids, options.failed)),
    );

  webhooks
    .command('run')
    .description('run a process that only delivers webhooks; by default workers do (see sluice worker --no-webhooks)')
    .option('--health-port <port>', 'serve /healthz and /metrics on this port')
    .option('--health-host <address>', 'address for the health port (default: loopback)')
    .action((options: HealthOptions) =>
      runProcess('workers/webhooks.ts', healthArguments(options), host.childVariables(host.environment())),
    );
  return webhooks;
}

interface AddOptions {
  event?: string[];
  key?: string;
  json: boolean;
}

async function useStores<T>(runtime: Runtime, use: (stores: Stores) => Promise<T>): Promise<T> {
  const database = await openDatabase(runtime.databaseUrl, (error) => complain(error.message));
  const box = createSecretBox(runtime.environment.secretsKey);
  return use({
    endpoints: createEndpointStore(database, box),
    deliveries: createDeliveryStore(database),
    guard: createAddressGuard(addressRulesOf(runtime.configuration.webhooks)),
    isSealing: box.isSealing,
  }).finally(() => database.destroy());
}

async function listEndpoints(store: EndpointStore, json: boolean): Promise<void> {
  const endpoints = await store.list();
  if (json) return print(JSON.stringify(endpoints));
  if (endpoints.length === 0) return print('There are no receivers; register one with sluice webhooks add URL.');
  const rows = endpoints.map(({ id, origin, url, events, keyId, disabledReason }) => [
    id,
    origin,
    url,
    events.join(' '),
    keyId ?? 'all',
    disabledReason === null ? 'receives' : `disabled: ${disabledReason}`,
  ]);
  print(formatTable(['ID', 'FROM', 'URL', 'EVENTS', 'KEY', 'STATE'], rows));
}

async function addEndpoint(
  { endpoints: store, guard, isSealing }: Stores,
  url: string,
  options: AddOptions,
): Promise<void> {
  const wanted = {
    url: argument(webhookUrl, url, url),
    events: argument(webhookEvents, options.event ?? [...DEFAULT_WEBHOOK_EVENTS], '--event'),
    keyId: options.key ?? null,
  };
  warnOfAddress(guard, wanted.url);
  if (!isSealing) complain(`warning: ${PLAIN_SECRETS}`);
  const { endpoint, secret } = await store.create(wanted);
  if (options.json) print(JSON.stringify({ id: endpoint.id, secret }));
  else
    print(
      `${secret}\n\n${endpoint.id} is registered. The secret is shown only once; the receiver needs it to verify signatures.`,
    );
}

/** Only a warning: the workers' own configuration decides. */
function warnOfAddress(guard: AddressGuard, url: string): void {
  try {
    guard.checkUrl(url);
  } catch (error) {
    complain(`warning: with this configuration nothing will be delivered: ${(error as Error).message}`);
  }
}

function argument<T extends z.ZodType>(schema: T, value: unknown, name: string): z.output<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new Error(`${name}: ${parsed.error.issues[0]!.message}`);
}

async function removeEndpoint(store: EndpointStore, id: string): Promise<void> {
  const endpoint = await store.find(id);
  if (endpoint === null) throw new Error(noSuch('receiver', id));
  if (endpoint.origin === 'config') throw new Error(`${id} comes from the configuration; remove it there`);
  await store.remove(id);
  print(`${id} (${endpoint.url}) has been removed.`);
}

async function listDeliveries(
  store: DeliveryStore,
  options: { state?: DeliveryState; limit: number; json: boolean },
): Promise<void> {
  const deliveries = await store.list(options);
  if (options.json) return print(JSON.stringify(deliveries));
  const rows = deliveries.map(({ id, eventType, endpointId, state, attempts, createdAtMs, lastError }) => [
    id,
    eventType,
    endpointId,
    state,
    String(attempts),
    new Date(createdAtMs).toISOString().slice(0, 19).replace('T', ' '),
    lastError ?? '',
  ]);
  print(formatTable(['ID', 'EVENT', 'RECEIVER', 'STATE', 'ATTEMPTS', 'CREATED (UTC)', 'LAST ERROR'], rows));
}

async function replay(store: DeliveryStore, ids: readonly string[], allFailed: boolean): Promise<void> {
  const failed = allFailed ? await store.list({ state: 'failed', limit: MAX_REPLAYS }) : [];
  const wanted = [...ids, ...failed.map(({ id }) => id)];
  if (wanted.length === 0 && !allFailed) throw new Error('pass delivery ids, or --failed for all failed ones');
  for (const id of wanted) if ((await store.replay(id)) === null) throw new Error(noSuch('delivery', id));
  print(`${wanted.length} ${wanted.length === 1 ? 'delivery' : 'deliveries'} will be sent again.`);
}

function stateOption(): Option {
  return new Option('--state <state>', 'only this state').choices(['pending', 'delivered', 'failed']);
}

function noSuch(what: string, id: string): string {
  return `there is no ${what} '${id}'; see sluice webhooks list, sluice webhooks deliveries`;
}
