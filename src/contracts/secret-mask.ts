// Masks configured secrets by exact match, whatever they look like: in every byte that a provider sends and in every log record.

const MASK = '[redacted]';

/** Removes configured secrets from what is shown, stored or logged. */
export interface SecretMask {
  text(text: string): string;
  /** Returns the same buffer if it contains no secret, at the cost of a search. */
  bytes(bytes: Buffer): Buffer;
  /** For bytes that come in pieces; null if there are no secrets to search for. */
  open(): MaskedPieces | null;
}

/** One body in pieces. A possible beginning of a secret is held back until the next piece arrives. */
export interface MaskedPieces {
  push(piece: Buffer): Buffer;
  end(): Buffer;
}

/** Shorter secrets may be ordinary words: masking `key` would destroy more than it hides. */
export const SHORTEST_HIDDEN_SECRET = 6;

const NOTHING_SECRET: SecretMask = { text: (text) => text, bytes: (bytes) => bytes, open: () => null };

/**
 * @param secrets as configured. Each is also found in the forms in which servers quote it: escaped as JSON, with `\/`
 * for a slash, percent-encoded, and in the base64 of HTTP's basic authentication where it is a user and a password.
 */
export function createSecretMask(secrets: Iterable<string>): SecretMask {
  const forms = [...new Set([...secrets].filter((secret) => secret.length >= SHORTEST_HIDDEN_SECRET).flatMap(formsOf))]
    // Longest first, because one secret may be a prefix of another.
    .sort((a, b) => b.length - a.length);
  if (forms.length === 0) return NOTHING_SECRET;
  const patterns = forms.map((form) => Buffer.from(form));

  function text(said: string): string {
    let masked = said;
    for (const form of forms) if (masked.includes(form)) masked = masked.replaceAll(form, MASK);
    return masked;
  }

  function maskBytes(bytes: Buffer): Buffer {
    if (!patterns.some((pattern) => bytes.includes(pattern))) return bytes;
    // Latin-1 keeps every byte unchanged.
    let masked = bytes.toString('latin1');
    for (const pattern of patterns) masked = masked.replaceAll(pattern.toString('latin1'), MASK);
    return Buffer.from(masked, 'latin1');
  }

  return { text, bytes: maskBytes, open: () => createMaskedPieces(patterns, maskBytes) };
}

/** A mask that learns secrets while the process runs, since credentials are rotated. */
export interface GrowingMask extends SecretMask {
  add(secret: string): void;
  /** Sets the secrets of a new configuration; those of the previous one stay masked. */
  configure(secrets: readonly string[]): void;
}

/** A provider may quote the previous secret; older ones no longer need masking. */
const MAX_ADDED = 16;

export function createGrowingMask(secrets: Iterable<string>): GrowingMask {
  let configured = [...secrets];
  let former: string[] = [];
  let added: string[] = [];
  let mask = createSecretMask(configured);
  const renew = () => {
    mask = createSecretMask([...configured, ...former, ...added]);
  };
  return {
    text: (text) => mask.text(text),
    bytes: (bytes) => mask.bytes(bytes),
    open: () => mask.open(),
    add(secret) {
      if (configured.includes(secret) || added.includes(secret)) return;
      added = [...added, secret].slice(-MAX_ADDED);
      renew();
    },
    configure(next) {
      former = configured;
      configured = [...next];
      renew();
    },
  };
}

function createMaskedPieces(patterns: readonly Buffer[], mask: (bytes: Buffer) => Buffer): MaskedPieces {
  let held: Buffer = EMPTY;
  return {
    push(piece) {
      const masked = mask(held.length === 0 ? piece : Buffer.concat([held, piece]));
      const begun = Math.max(...patterns.map((pattern) => beginningAtEnd(masked, pattern)));
      held = masked.subarray(masked.length - begun);
      return begun === 0 ? masked : masked.subarray(0, masked.length - begun);
    },
    end() {
      const rest = held;
      held = EMPTY;
      return rest;
    },
  };
}

const EMPTY: Buffer = Buffer.alloc(0);

/** Length of the longest end of `bytes` that begins the pattern; 0 for nearly every piece. */
function beginningAtEnd(bytes: Buffer, pattern: Buffer): number {
  const first = pattern[0]!;
  const from = Math.max(0, bytes.length - pattern.length + 1);
  for (let at = bytes.indexOf(first, from); at !== -1; at = bytes.indexOf(first, at + 1)) {
    const length = bytes.length - at;
    if (bytes.compare(pattern, 0, length, at) === 0) return length;
  }
  return 0;
}

function formsOf(secret: string): string[] {
  const json = JSON.stringify(secret).slice(1, -1);
  return [secret, json, json.replaceAll('/', '\\/'), encodeURIComponent(secret)];
}

/**
 * Removes the secrets that one provider was sent from its answers.
 * - `ofFailures` for error answers and messages: every secret.
 * - `ofAnswers` for answers: only those that no ordinary text can contain by chance, so that a provider whose key is a
 *   word does not lose that word.
 */
export interface ProviderSecrets {
  ofFailures: SecretMask;
  ofAnswers: SecretMask;
  /** Adds the new secret of a rotated credential. */
  add(secret: string): void;
}

const SHORTEST_UNMISTAKABLE_SECRET = 16;

export function createProviderSecrets(secrets: readonly string[]): ProviderSecrets {
  const ofFailures = createGrowingMask(secrets);
  const ofAnswers = createGrowingMask(secrets.filter(isUnmistakable));
  return {
    ofFailures,
    ofAnswers,
    add(secret) {
      ofFailures.add(secret);
      if (isUnmistakable(secret)) ofAnswers.add(secret);
    },
  };
}

function isUnmistakable(secret: string): boolean {
  return secret.length >= SHORTEST_UNMISTAKABLE_SECRET && /\d/.test(secret);
}
