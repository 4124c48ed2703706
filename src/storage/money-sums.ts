// Sums of money in SQL, exact on both engines.
import { type RawBuilder, sql } from 'kysely';
import { asBigint } from './database.ts';

const MICRO = sql.raw('1000000');
/** The ledger writer's bound (ledger-store.ts). Earlier releases had none, and one larger row would make the whole sum wrong. */
const LARGEST = sql.raw('1000000000000000000');

/** Sums `part` over the rows whose column is within the bound. */
export function boundedSum(column: string, part: RawBuilder<unknown> = sql.ref(column)) {
  return sql<unknown>`sum(case when ${sql.ref(column)} between -${LARGEST} and ${LARGEST} then ${part} else 0 end)`;
}

/** SQLite's sums overflow at 2^63, about nine million dollars in picodollars: money is summed in two parts (`readMoney`). */
export function sumOfMoney(column: string, name: string) {
  return moneyParts(column).map(({ part, sum }) => sum.as(`${name}_${part}`));
}

/** The same for a statement in SQL. */
export function moneySums(column: string, name: string): RawBuilder<unknown>[] {
  return moneyParts(column).map(({ part, sum }) => sql`${sum} as ${sql.ref(`${name}_${part}`)}`);
}

function moneyParts(column: string) {
  const ref = sql.ref(column);
  return [
    { part: 'micro', sum: boundedSum(column, sql`(${ref} - ${ref} % ${MICRO}) / ${MICRO}`) },
    { part: 'rest', sum: boundedSum(column, sql`${ref} % ${MICRO}`) },
  ];
}

export function readMoney(row: object, name: string): bigint {
  const parts = row as Record<string, unknown>;
  return wholeOf(parts[`${name}_micro`]) * 1_000_000n + wholeOf(parts[`${name}_rest`]);
}

/** PostgreSQL prints quotients with decimals, which are zeros here. */
function wholeOf(value: unknown): bigint {
  return asBigint(String(value ?? 0).split('.')[0]!);
}
