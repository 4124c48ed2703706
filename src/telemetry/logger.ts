// Logs with pino: one record per request and per attempt. Field names follow the words of docs/architecture.md. Prompts,
// answers and credentials are never passed in; fields that may carry credentials are hidden as well (hidden-fields.ts).
import { type Logger, pino } from 'pino';
import type { SecretMask } from '../contracts/secret-mask.ts';
import { hideFields } from './hidden-fields.ts';

export type { Logger };

const BUFFER_BYTES = 8 * 1024;
const FLUSH_MS = 200;

export interface LoggerOptions {
  level: string;
  /** Kind of process: `api`, `worker`, … */
  role: string;
  instance?: string;
  /** Removes configured secrets from every log record, wherever they appear in it. */
  mask?: SecretMask;
}

export function createLogger({ level, role, instance, mask }: LoggerOptions): Logger {
  // Writing each record by itself costs more than making it. The buffer is flushed on exit, unless the process is killed.
  const destination = pino.destination({ sync: false, minLength: BUFFER_BYTES, periodicFlush: FLUSH_MS });
  const logger = pino(
    {
      level,
      base: { role, ...(instance === undefined ? {} : { instance }) },
      timestamp: createTimestamp(),
      ...(mask === undefined ? {} : { hooks: { streamWrite: mask.text } }),
      formatters: { level: (label) => ({ level: label }), log: hideFields },
      serializers: { err: (error: Error) => hideFields({ ...pino.stdSerializers.err(error) }) },
    },
    destination,
  );
  process.on('exit', () => destination.flushSync());
  return logger;
}

/** ISO 8601 as `Date#toISOString` has it; the part before the milliseconds is made once a second. */
function createTimestamp(): () => string {
  let second = Number.NaN;
  let beginning = '';
  return () => {
    const nowMs = Date.now();
    const ms = nowMs % 1_000;
    if (nowMs - ms !== second) {
      second = nowMs - ms;
      beginning = `,"time":"${new Date(second).toISOString().slice(0, -'000Z'.length)}`;
    }
    return `${beginning}${String(ms).padStart(3, '0')}Z"`;
  };
}
