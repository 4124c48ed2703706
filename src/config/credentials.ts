// The credentials of a provider that has several. Secrets from files or commands are read again while the process runs,
// in the background of the calls that use them, so that a rotated key needs no restart.
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { limitsOf } from '../contracts/limit-kinds.ts';
import type { Scope } from '../contracts/scope.ts';
import type { CredentialSettings } from './schema.ts';

export interface Credential {
  name: string;
  /** Its share of the calls, relative to the provider's other credentials. */
  weight: number;
  /** Its limits over all models; also the scope that an operator can hold. */
  scope: Scope;
  /** The secret as last read; null before the first read, or if it cannot be read. Checks for a new one in the background. */
  secret(): string | null;
  /** Reads it now. Never rejects: errors are passed to `onTrouble`. */
  renew(): Promise<void>;
  /** At most one listener each. */
  onChange: (() => void) | null;
  onTrouble: ((error: Error) => void) | null;
}

/** Where a secret comes from. */
interface Source {
  read(): Promise<string>;
  /** For this long, a secret that was read is not read again. */
  freshMs: number;
}

/** A rotated file is noticed within this time; if the provider refuses the old secret before that, the file is read at once. */
const FILE_FRESH_MS = 1_000;
const MAX_BYTES = 64 * 1024;
/** Characters that are allowed in a header. */
const PRINTABLE = /^[\x20-\x7e]+$/;
const run = promisify(execFile);

/** @param learnSecret called with every new secret before it is used, so that it can be masked. */
export function createCredential(
  provider: string,
  name: string,
  settings: CredentialSettings,
  learnSecret: (secret: string) => void,
): Credential {
  const source = sourceOf(settings);
  let secret = settings.api_key ?? null;
  let readAtMs = Number.NEGATIVE_INFINITY;
  let reading: Promise<void> | null = null;
  const { weight, limits } = settings;

  async function read(): Promise<void> {
    const text = (await source!.read()).trim();
    if (!PRINTABLE.test(text))
      throw new Error(text === '' ? 'the secret is empty' : 'the secret is not one line of printable text');
    if (text === secret) return;
    learnSecret(text);
    const isFirst = secret === null;
    secret = text;
    if (!isFirst) credential.onChange?.();
  }

  async function renew(): Promise<void> {
    if (source === null) return;
    // A read that began earlier may have read a secret that was replaced since.
    if (reading !== null) await reading;
    reading ??= read()
      .catch((error: Error) => {
        const message = `credential '${name}' of provider '${provider}' could not be read: ${withoutOutput(error)}`;
        credential.onTrouble?.(new Error(message));
      })
      .finally(() => {
        readAtMs = performance.now();
        reading = null;
      });
    await reading;
  }

  const credential: Credential = {
    name,
    weight,
    scope: { name: `credential:${provider}/${name}`, limits: limitsOf(limits) },
    secret() {
      if (source !== null && reading === null && performance.now() - readAtMs > source.freshMs) void renew();
      return secret;
    },
    renew,
    onChange: null,
    onTrouble: null,
  };
  return credential;
}

function sourceOf({ file, command, timeout_ms: timeout, refresh_ms: freshMs }: CredentialSettings): Source | null {
  if (file !== undefined) return { read: () => readSmallFile(file), freshMs: FILE_FRESH_MS };
  if (command === undefined) return null;
  const [program, ...args] = command as [string, ...string[]];
  const options = { timeout, maxBuffer: MAX_BYTES, killSignal: 'SIGKILL', windowsHide: true } as const;
  return { read: async () => (await run(program, args, options)).stdout, freshMs };
}

async function readSmallFile(path: string): Promise<string> {
  const text = await readFile(path, 'utf8');
  if (text.length > MAX_BYTES) throw new Error('the secret is too long');
  return text;
}

/** The output of a command may be the secret, so only its exit status or signal is reported. */
function withoutOutput(error: Error): string {
  const { code, killed, path } = error as Error & { code?: string | number; killed?: boolean; path?: string };
  if (killed === true) return 'the command took too long';
  if (typeof code === 'number') return `the command exited with ${code}`;
  if (code === undefined) return error.message;
  return path === undefined ? code : `${code} ${path}`;
}

/** Reads all secrets before the first call, so that they can be masked from then on. */
export async function readCredentials(providers: Iterable<{ credentials: readonly Credential[] }>): Promise<void> {
  await Promise.all([...providers].flatMap(({ credentials }) => credentials.map((credential) => credential.renew())));
}
