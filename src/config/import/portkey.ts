// A config of Portkey's gateway as a configuration of ours (portkey.ai/docs/product/ai-gateway/configs, read 2026-11-28):
// fallbacks become tiers, load balancing becomes weights within one.
import type { ConfigurationInput } from '../schema.ts';
import {
  compact,
  countOf,
  createProviderNames,
  type Fields,
  fieldsOf,
  type Imported,
  listOf,
  textOf,
  wholeOf,
} from './imported.ts';
import { knownProvider } from './known-providers.ts';

interface Target {
  provider: string;
  /** Null: the model that the client requests. */
  model: string | null;
  tier: number;
  weight: number;
}

/** Portkey's settings of a target also hold for those below it. */
type Inherited = Partial<Record<'retry' | 'request_timeout' | 'override_params' | 'custom_host', unknown>>;

export function importPortkey(file: unknown): Imported {
  const notes = new Set<string>();
  const names = createProviderNames();
  const walker = { names, note: (text: string) => void notes.add(text), nextTier: 1 };
  const root = camelless(fieldsOf(fieldsOf(file).config ?? file));
  const targets = walk(walker, root, {}, { tier: null, weight: 1, place: 'config' });
  const models: Record<string, object> = {};
  for (const name of new Set(targets.map(({ model }) => model ?? '*'))) {
    if (name !== '*' && targets[0]?.model !== name) continue;
    models[name] = { deployments: name === '*' ? passOn(targets) : targets.filter(({ model }) => model !== null) };
  }
  return { configuration: { providers: names.providers, models } as ConfigurationInput, notes: [...notes] };
}

function passOn(targets: readonly Target[]): Target[] {
  return targets.filter(({ model }) => model === null).map((target) => ({ ...target, model: '*' }));
}

/** Portkey accepts camelCase and snake_case. */
function camelless(fields: Fields): Fields {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      value,
    ]),
  );
}

interface Walker {
  names: ReturnType<typeof createProviderNames>;
  note(text: string): void;
  nextTier: number;
}

interface Place {
  /** Null: a new tier. */
  tier: number | null;
  weight: number;
  place: string;
}

function walk(walker: Walker, fields: Fields, above: Inherited, { tier, weight, place }: Place): Target[] {
  const inherited = { ...above, ...pick(fields) };
  const targets = listOf(fields.targets).map((target) => camelless(fieldsOf(target)));
  noteLeftOut(walker, fields, place);
  if (targets.length === 0) {
    const target = readTarget(walker, { ...inherited, ...fields }, place);
    return target === null ? [] : [{ ...target, tier: tier ?? walker.nextTier++, weight }];
  }
  const mode = textOf(camelless(fieldsOf(fields.strategy)).mode) ?? 'single';
  if (mode === 'conditional') walker.note(`${place}: conditions are not imported; its targets are tried in order`);
  const isShared = mode === 'loadbalance';
  const shared = isShared ? (tier ?? walker.nextTier++) : tier;
  if (tier !== null && !isShared && targets.length > 1) {
    walker.note(
      `${place}: the fallbacks of one target of a load balancer become targets of the load balancer themselves`,
    );
  }
  return targets.flatMap((target, index) => {
    const share = isShared ? Math.max(1, Math.round((countOf(target.weight) ?? 1) * 100)) : weight;
    return walk(walker, target, inherited, { tier: shared, weight: share, place: `${place}.targets[${index}]` });
  });
}

function pick({ retry, request_timeout, override_params, custom_host }: Fields): Inherited {
  return compact({ retry, request_timeout, override_params, custom_host });
}

function readTarget(walker: Walker, fields: Fields, place: string): Pick<Target, 'provider' | 'model'> | null {
  const told = textOf(fields.provider)?.replace(/^@/, '');
  const known = told === undefined ? null : knownProvider(told);
  if (known === null) {
    walker.note(
      `${place}: skipped: ${told === undefined ? 'it names no provider' : `the protocol of "${told}" is not known`}`,
    );
    return null;
  }
  const stored = textOf(fields.virtual_key);
  if (stored !== undefined)
    walker.note(`${place}: the key of virtual_key "${stored}" is Portkey's; set ${known.keyVariable}`);
  const attempts = fieldsOf(fields.retry).attempts;
  const timeoutMs = wholeOf(fields.request_timeout);
  const variable = known.keyVariable === undefined ? undefined : `\${${known.keyVariable}}`;
  const host = textOf(fields.custom_host)?.replace(/\/+$/, '');
  const settings = compact({
    ...known.settings,
    base_url: host ?? known.settings.base_url,
    api_key: textOf(fields.api_key) ?? variable,
    retries: attempts === undefined ? undefined : { max: Math.min(20, wholeOf(attempts) ?? 0) },
    timeouts: timeoutMs === undefined ? undefined : { total_ms: timeoutMs },
  });
  if (known.name === 'azure' && host === undefined) walker.note(`${place}: set base_url of the Azure resource`);
  const model = textOf(camelless(fieldsOf(fields.override_params)).model) ?? null;
  return { provider: walker.names.name(known.name, settings), model };
}

const LEFT_OUT = [
  'cache',
  'input_guardrails',
  'output_guardrails',
  'before_request_hooks',
  'after_request_hooks',
  'on_status_codes',
];

function noteLeftOut({ note }: Walker, fields: Fields, place: string): void {
  for (const name of LEFT_OUT) if (fields[name] !== undefined) note(`${place}.${name}: not imported`);
  if (fieldsOf(fields.strategy).on_status_codes !== undefined) {
    note(`${place}.strategy.on_status_codes: not imported; docs/failures.md says which failures are retried`);
  }
  const { model: _, ...others } = camelless(fieldsOf(fields.override_params));
  for (const name of Object.keys(others))
    note(`${place}.override_params.${name}: not imported: set it in each request`);
}
