// Logs with pino: one record per request and per attempt. Field names follow the words of docs/architecture.md. Prompts,
// answers and credentials are never passed in; fields that may carry credentials are hidden as well (hidden-fields.ts).
import { type Logger, pino } from 'pino';
import type { SecretMask } from '../contracts/secret-mask.ts';
import { hideFields } from './hidden-fields.ts';

export type { Logger };

const BUFFER_BYTES = 8 * 1024;
/** Less than pino's buffer, so that text handed over at exit cannot fill it: an asynchronous write at exit would be lost. */
const GATHERED_CHARS = 2 * 1024;
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
  return pino(
    {
      level,
      base: { role, ...(instance === undefined ? {} : { instance }) },
      timestamp: createTimestamp(),
      formatters: { level: (label) => ({ level: label }), log: hideFields },
      serializers: { err: (error: Error) => hideFields({ ...pino.stdSerializers.err(error) }) },
    },
    gatherLines((text) => mask?.text(text) ?? text),
  );
}

/**
 * Buffers records, because writing each one separately costs more than creating it. The buffer is flushed on exit, unless the
 * process is killed. pino's own buffer recounts all of its bytes at every write (sonic-boom 4.2.1), so it gets few, large writes.
 */
function gatherLines(mask: (text: string) => string): { write(line: string): void } {
  const destination = pino.destination({ sync: false, minLength: BUFFER_BYTES });
  let lines: string[] = [];
  let chars = 0;
  function handOver(): void {
    if (chars === 0) return;
    const text = lines.join('');
    lines = [];
    chars = 0;
    destination.write(mask(text));
  }
  const timer = setInterval(() => {
    handOver();
    destination.flush();
  }, FLUSH_MS);
  timer.unref();
  process.on('exit', () => {
    destination.flushSync();
    handOver();
    destination.flushSync();
  });
  return {
    write(line) {
      lines.push(line);
      chars += line.length;
      if (chars >= GATHERED_CHARS) handOver();
    },
  };
}

/** ISO 8601 like `Date#toISOString`; the part before the milliseconds is cached for a second. */
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
