// pino, one line per request and per attempt. Field names follow the words of docs/architecture.md; prompts, answers and
// credentials are never passed in, and what looks like one is removed all the same.
import { type Logger, pino } from 'pino';

import type { SecretMask } from '../contracts/secret-mask.ts';

export type { Logger };

const SECRET_FIELDS = [
  'authorization',
  'api_key',
  'apiKey',
  'key',
  'password',
  'headers.authorization',
  '*.authorization',
];

const BUFFER_BYTES = 8 * 1024;
const FLUSH_MS = 200;

export interface LoggerOptions {
  level: string;
  /** `api`, `worker`, …: which kind of process speaks. */
  role: string;
  instance?: string;
  /** Takes configured secrets out of every line, whatever text they got into. */
  mask?: SecretMask;
}

export function createLogger({ level, role, instance, mask }: LoggerOptions): Logger {
  // A write per line costs more than the line. What is buffered leaves with the process, unless that is killed.
  const destination = pino.destination({ sync: false, minLength: BUFFER_BYTES, periodicFlush: FLUSH_MS });
  const logger = pino(
    {
      level,
      base: { role, ...(instance === undefined ? {} : { instance }) },
      redact: { paths: SECRET_FIELDS, censor: '[redacted]' },
      timestamp: pino.stdTimeFunctions.isoTime,
      ...(mask === undefined ? {} : { hooks: { streamWrite: mask.text } }),
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
  process.on('exit', () => destination.flushSync());
  return logger;
}
