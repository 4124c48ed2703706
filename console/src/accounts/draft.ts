// The form state for creating or changing a key, project or organisation, and the request that it becomes. Pure.
import type { Account, ApiKey } from '../api/types.ts';

export type Level = 'organisation' | 'project' | 'key';

export const LIMITS = [
  ['rpm', 'Requests per minute'],
  ['tpm', 'Tokens per minute'],
  ['concurrency', 'Concurrent requests'],
  ['input_tokens_per_minute', 'Input tokens per minute'],
  ['output_tokens_per_minute', 'Output tokens per minute'],
  ['requests_per_day', 'Requests per day'],
  ['tokens_per_day', 'Tokens per day'],
] as const;

export const PERIODS = ['day', 'week', 'month', 'total'] as const;

/** All values as text, as in the fields. */
export interface Draft {
  name: string;
  models: string;
  limits: Readonly<Record<string, string>>;
  budgets: Readonly<Record<string, string>>;
  weight: string;
  batchWeight: string;
  /** Local time, in the format of `datetime-local` inputs. */
  expires: string;
  /** `name=value`, one per line. */
  metadata: string;
  hasCredits: boolean;
  markup: string;
  chargeStep: string;
}

type Shown = Account | ApiKey;

export function draftOf(of: Shown | null): Draft {
  return {
    name: of?.name ?? '',
    models: of?.models?.join(', ') ?? '',
    limits: texts(of?.limits ?? {}),
    budgets: texts(of?.budgets ?? {}),
    weight: String(of?.weight ?? 1),
    batchWeight: String(of?.batch_weight ?? 1),
    expires: of?.expires_at == null ? '' : toLocal(of.expires_at),
    metadata: Object.entries(of?.metadata ?? {})
      .map(([name, value]) => `${name}=${value}`)
      .join('\n'),
    hasCredits: of?.credits != null,
    markup: String(of?.credits?.markup_percent ?? 0),
    chargeStep: String(of?.credits?.charge_step_usd ?? 0.0001),
  };
}

/** Only changed fields, so that concurrent changes of other fields are kept. */
export function changesOf(from: Draft, to: Draft): Record<string, unknown> {
  const [before, after] = [formOf(from), formOf(to)];
  return Object.fromEntries(
    Object.entries(after).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name])),
  );
}

function formOf(draft: Draft): Record<string, unknown> {
  const models = draft.models
    .split(',')
    .map((model) => model.trim())
    .filter((model) => model !== '');
  return {
    name: draft.name,
    models: models.length === 0 ? null : models,
    limits: Object.fromEntries(
      Object.entries(draft.limits).flatMap(([name, value]) => (value === '' ? [] : [[name, Number(value)]])),
    ),
    budgets: Object.fromEntries(
      PERIODS.map((period) => {
        const amount = draft.budgets[period] ?? '';
        return [period, amount === '' ? null : Number(amount)];
      }),
    ),
    weight: Number(draft.weight),
    batch_weight: Number(draft.batchWeight),
    expires_at: draft.expires === '' ? null : new Date(draft.expires).toISOString(),
    metadata: readMetadata(draft.metadata),
    credits: draft.hasCredits
      ? { markup_percent: Number(draft.markup), charge_step_usd: Number(draft.chargeStep) }
      : null,
  };
}

/** @throws if a line has no `=`. */
function readMetadata(text: string): Record<string, string> {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  return Object.fromEntries(
    lines.map((line) => {
      const at = line.indexOf('=');
      if (at < 1) throw new Error(`Metadata must be lines of name=value: ${line}`);
      return [line.slice(0, at).trim(), line.slice(at + 1).trim()];
    }),
  );
}

function texts(values: object): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values as Record<string, number>).map(([name, value]) => [name, String(value)]),
  );
}

function toLocal(when: string): string {
  const date = new Date(when);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
