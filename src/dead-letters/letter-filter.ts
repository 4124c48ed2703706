// Which dead letters are meant: every part narrows the choice.
import type { ExpressionBuilder } from 'kysely';
import type { Tables } from '../storage/tables.ts';

export interface LetterFilter {
  ids?: readonly string[];
  model?: string;
  provider?: string;
  code?: string;
  keyId?: string;
  /** Of the failure, unix milliseconds; `fromMs` included, `toMs` not. */
  fromMs?: number;
  toMs?: number;
  /** Only those without, or with, a replay. */
  isReplayed?: boolean;
}

export type Filterable = ExpressionBuilder<Tables, 'dead_letters'>;

export function filtered(filter: LetterFilter) {
  return (row: Filterable) => {
    const parts = [];
    if (filter.ids !== undefined) parts.push(row('request_id', 'in', filter.ids));
    if (filter.model !== undefined) parts.push(row('model', '=', filter.model));
    if (filter.provider !== undefined) parts.push(row('provider', '=', filter.provider));
    if (filter.code !== undefined) parts.push(row('code', '=', filter.code));
    if (filter.keyId !== undefined) parts.push(row('key_id', '=', filter.keyId));
    if (filter.fromMs !== undefined) parts.push(row('failed_at', '>=', filter.fromMs));
    if (filter.toMs !== undefined) parts.push(row('failed_at', '<', filter.toMs));
    if (filter.isReplayed !== undefined) {
      const replayed = row('request_id', 'in', row.selectFrom('replays').select('replay_of'));
      parts.push(filter.isReplayed ? replayed : row.not(replayed));
    }
    return row.and(parts);
  };
}
