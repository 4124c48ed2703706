// The control API: faults, behaviour, bill and records of a running simulator, for tests in other processes and for
// people. It requires no key; by default the simulator listens on loopback only.
import { z } from 'zod';
import type { RequestHead } from '../dialects/dialect.ts';
import type { Engine } from '../engine/engine.ts';
import { faultRuleSchema } from '../engine/faults/fault-rule.ts';
import { MAX_BILL_ENTRIES } from '../engine/records/bill.ts';
import { scriptsSchema } from '../engine/scripts/script.ts';
import type { Exchange } from '../engine/serving/exchange.ts';
import { sendBody } from '../engine/serving/performance.ts';
import { behaviourChangeSchema, changeBehaviour } from '../options.ts';

interface ControlRequest {
  query: URLSearchParams;
  /** Text of the body. */
  body: string;
}

/** Returns the answer, which is sent as JSON. Throws a ControlError to refuse the request. */
type ControlAction = (engine: Engine, request: ControlRequest) => unknown;

class ControlError extends Error {
  readonly status: number;

  constructor(message: string, status = 400) {
    super(message);
    this.status = status;
  }
}

/** Bill entries in one answer, unless the query sets another number. */
const BILL_PAGE = 1_000;

const ACTIONS: Readonly<Record<string, ControlAction>> = {
  'GET /sim/faults': (engine) => engine.faults.list(),
  'PUT /sim/faults': (engine, { body }) => {
    engine.faults.replace(readJson(body, z.array(faultRuleSchema)));
    return engine.faults.list();
  },
  'DELETE /sim/faults': (engine) => {
    engine.faults.replace([]);
    return [];
  },
  'GET /sim/scripts': (engine) => engine.scripts.list(),
  'PUT /sim/scripts': (engine, { body }) => {
    engine.scripts.replace(readJson(body, scriptsSchema));
    return engine.scripts.list();
  },
  'DELETE /sim/scripts': (engine) => {
    engine.scripts.replace([]);
    return [];
  },
  'GET /sim/behaviour': (engine) => engine.behaviour,
  'PUT /sim/behaviour': (engine, { body }) => {
    engine.change(changeBehaviour(engine.behaviour, readJson(body, behaviourChangeSchema)));
    return engine.behaviour;
  },
  'GET /sim/bill': (engine, { query }) => readBill(engine, query),
  'DELETE /sim/bill': (engine) => {
    engine.bill.clear();
    return { totals: engine.bill.totals() };
  },
  'GET /sim/stats': (engine) => engine.tally(),
  'DELETE /sim/stats': (engine) => {
    engine.clearTally();
    return engine.tally();
  },
  'GET /sim/requests': (engine) => engine.log.list(),
  'DELETE /sim/requests': (engine) => {
    engine.log.clear();
    return [];
  },
};

/** For lists of them: `GET /sim/faults`. */
export const CONTROL_ACTIONS: readonly string[] = Object.keys(ACTIONS);

export function isControlPath(path: string): boolean {
  return path.startsWith('/sim/');
}

export function answerControl(engine: Engine, head: RequestHead, body: string, exchange: Exchange): void {
  try {
    const action = ACTIONS[`${head.method} ${head.path}`];
    if (action === undefined) throw new ControlError(`Known actions: ${CONTROL_ACTIONS.join(', ')}.`, 404);
    answer(exchange, 200, action(engine, { query: new URLSearchParams(head.query), body }));
  } catch (error) {
    if (!(error instanceof ControlError)) throw error;
    answer(exchange, error.status, { error: { message: error.message } });
  }
}

function answer(exchange: Exchange, status: number, value: unknown): void {
  sendBody(exchange, status, ['content-type', 'application/json'], `${JSON.stringify(value, writeBigint, 2)}\n`);
}

/** Writes amounts in picodollars as texts of digits, so that they stay exact. */
function writeBigint(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}

/** `next` is the `after` of the next page; null on the last page. */
function readBill({ bill }: Engine, query: URLSearchParams) {
  const limit = readCount(query, 'limit', BILL_PAGE, MAX_BILL_ENTRIES);
  const entries = bill.entries(readCount(query, 'after', 0, Number.MAX_SAFE_INTEGER), limit);
  const next = entries.length === limit ? (entries.at(-1)?.sequence ?? null) : null;
  return { totals: bill.totals(), entries, next };
}

function readCount(query: URLSearchParams, name: string, otherwise: number, most: number): number {
  const value = Number(query.get(name) ?? otherwise);
  if (Number.isInteger(value) && value >= 0 && value <= most) return value;
  throw new ControlError(`"${name}" must be a whole number from 0 to ${most}.`);
}

function readJson<T>(body: string, schema: z.ZodType<T>): T {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    throw new ControlError('The body must be JSON.');
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new ControlError(z.prettifyError(parsed.error));
}
