// Logs with pino: one record per request and per attempt. Field names follow the words of docs/architecture.md. Prompts,
// answers and credentials are never passed in; fields that may carry credentials are hidden as well.
import { type Logger, pino } from 'pino';
import type { SecretMask } from '../contracts/secret-mask.ts';

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
  const base = { role, ...(instance === undefined ? {} : { instance }) };
  const timestamp = createTimestamp();
  const lines = gatherLines((text) => mask?.text(text) ?? text);
  const begin = `${JSON.stringify(base).slice(1, -1)},`;
  const logger: Logger = pino(
    {
      level,
      base,
      timestamp,
      formatters: { level: (label) => ({ level: label }), log: hideFields },
      serializers: { err: (error: Error) => hideFields({ ...pino.stdSerializers.err(error) }) },
      hooks: {
        logMethod(args, method, number) {
          const fields = this === logger ? plainFields(args) : null;
          if (fields === null) return method.apply(this, args);
          const label = pino.levels.labels[number]!;
          lines.write(`{"level":"${label}"${timestamp()},${begin}${fields}"msg":${JSON.stringify(args[1])}}\n`);
        },
      },
    },
    lines,
  );
  return logger;
}

/**
 * The fields of a record that is an object and a message, as pino writes them, each with a comma; null for any other record,
 * and for one that JSON cannot print. There are two such records per request, and pino takes 2.2 µs for one instead of 1.4.
 */
function plainFields(args: readonly unknown[]): string | null {
  const [fields, message] = args;
  if (args.length !== 2 || typeof fields !== 'object' || fields === null || typeof message !== 'string') return null;
  // pino has its own form for errors, requests and responses, and fills placeholders.
  if (fields instanceof Error || 'err' in fields || 'headers' in fields || 'setHeader' in fields) return null;
  // Such a form would go past hideFields, and pino does not use it for the fields themselves.
  if ('toJSON' in fields || message.includes('%')) return null;
  try {
    const text = JSON.stringify(hideFields(fields as Record<string, unknown>));
    // Lists and boxed values.
    if (!text.startsWith('{')) return null;
    return text === '{}' ? '' : `${text.slice(1, -1)},`;
  } catch {
    return null;
  }
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

// Fields that may carry credentials are found by name. pino's own redaction visits every value of every record, which costs as
// much as the rest of the record (2.7 µs of 8 on a busy machine, 2026-11-28).
const HIDDEN = '[redacted]';
const SECRET_FIELDS: ReadonlySet<string> = new Set(['authorization', 'api_key', 'apiKey', 'key', 'password']);
/** Also one level below, as in the head of a request. */
const SECRET_MEMBER = 'authorization';

/** Returns the same object if there is nothing to hide. */
export function hideFields(fields: Record<string, unknown>): Record<string, unknown> {
  let shown = fields;
  for (const name of Object.keys(fields)) {
    const value = fields[name];
    const hidden = SECRET_FIELDS.has(name) ? hide(value) : hideMember(value);
    if (hidden === value) continue;
    if (shown === fields) shown = { ...fields };
    shown[name] = hidden;
  }
  return shown;
}

function hide(value: unknown): unknown {
  return value === undefined ? undefined : HIDDEN;
}

/** Errors are skipped: they are checked after their own serializer has run. */
function hideMember(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Error) return value;
  return Object.hasOwn(value, SECRET_MEMBER) ? { ...value, [SECRET_MEMBER]: HIDDEN } : value;
}
