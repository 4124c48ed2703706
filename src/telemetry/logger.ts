// Logs with pino: one record per request and per attempt. Field names follow the words of docs/architecture.md. Prompts,
// answers and credentials are never passed in; fields that may carry credentials are redacted as well.
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
