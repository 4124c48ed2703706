// A run of a script as a single ioredis command. ioredis' `defineCommand` copies the arguments of a call five times and creates
// three promises for it, and every request makes two calls of some ninety arguments.
//
// As with `defineCommand`, the first call on a connection sends the source and later ones send its digest. If Redis no longer
// has the script (a restart, SCRIPT FLUSH), the call is repeated with the source.
import { isUtf8 } from 'node:buffer';
import { hash } from 'node:crypto';
import type { Writable } from 'node:stream';
import { Command } from 'ioredis';
import type { RedisClient } from './redis.ts';

/** The digest of a script, and where it was sent. */
interface Known {
  digest: string;
  /** Connections on which its source was sent. */
  loaded: WeakSet<object>;
}

/** By the name of the script. Bounded, because all names are in the program. */
const known = new Map<string, Known>();

function knownAs(name: string, source: string): Known {
  let script = known.get(name);
  if (script === undefined) {
    script = { digest: hash('sha1', source, 'hex'), loaded: new WeakSet() };
    known.set(name, script);
  }
  return script;
}

export type ScriptArgument = string | number | Buffer;

export interface ScriptRun {
  /** One name has one source. */
  name: string;
  source: string;
  keys: readonly string[];
  args: readonly ScriptArgument[];
  /** Replies with buffers in place of strings. */
  wantsBuffers: boolean;
}

export function sendScript(redis: RedisClient, run: ScriptRun): Promise<unknown> {
  const command = new ScriptCommand(run, (again) => redis.sendCommand(again));
  return redis.sendCommand(command) as Promise<unknown>;
}

export class ScriptCommand extends Command {
  readonly source: string;
  readonly wantsBuffers: boolean;
  readonly #script: Known;
  #connection: object | null = null;

  constructor({ name, source, keys, args, wantsBuffers }: ScriptRun, sendAgain: (command: ScriptCommand) => void) {
    super('evalsha', [], { replyEncoding: wantsBuffers ? null : 'utf8' });
    this.#script = knownAs(name, source);
    this.source = source;
    this.wantsBuffers = wantsBuffers;
    const words: (string | Buffer)[] = [this.#script.digest, String(keys.length)];
    for (const key of keys) words.push(key);
    for (const arg of args) words.push(wordOf(arg));
    // A cluster client finds the keys in here.
    this.args = words;
    const { reject } = this;
    this.reject = (error) => {
      if (!error.message.startsWith('NOSCRIPT') || this.#connection === null) return reject(error);
      this.#script.loaded.delete(this.#connection);
      sendAgain(this);
    };
  }

  override toWritable(connection: Writable): string | Buffer {
    const [verb, script] = this.#script.loaded.has(connection)
      ? ['EVALSHA', this.#script.digest]
      : ['EVAL', this.source];
    this.#script.loaded.add(connection);
    this.#connection = connection;
    const words = this.args as (string | Buffer)[];
    return asciiText(verb, script, words) ?? written(connection, [verb, script, ...words.slice(1)]);
  }
}

/** Larger buffers are sent as they are, to avoid another copy. */
const MAX_TEXT_BYTES = 64 * 1024;

/**
 * Numbers are written as JavaScript writes them, because they become parts of members that are compared as text. A single buffer
 * turns the whole command into buffers, which costs three times as much as text of the same bytes.
 */
function wordOf(arg: ScriptArgument): string | Buffer {
  if (typeof arg === 'string') return arg;
  if (typeof arg === 'number') return String(arg);
  return arg.length <= MAX_TEXT_BYTES && isUtf8(arg) ? arg.toString() : arg;
}

// RESP: the number of words, then each word after its length.

/**
 * The command with `script` in place of the first word; null if it has buffers, or characters outside ASCII. Nearly all commands
 * are ASCII: there a word has as many bytes as characters, and looking at the whole text once is a fraction of the cost of
 * measuring ninety words.
 */
function asciiText(verb: string, script: string, words: readonly (string | Buffer)[]): string | null {
  let text = `*${words.length + 1}${lengthMark(verb.length)}${verb}${lengthMark(script.length)}${script}`;
  for (let place = 1; place < words.length; place++) {
    const word = words[place]!;
    if (typeof word !== 'string') return null;
    text += lengthMark(word.length);
    text += word;
  }
  text += LINE_END;
  return Buffer.byteLength(text) === text.length ? text : null;
}

/** Larger buffers are written as they are, after the text before them: joining them would be a copy. */
const MAX_JOINED_BYTES = 64 * 1024;

/** Returns the last part, which ioredis writes. */
function written(connection: Writable, words: readonly (string | Buffer)[]): string | Buffer {
  let parts: Buffer[] = [];
  let text = `*${words.length}`;
  for (const word of words) {
    text += lengthMark(Buffer.byteLength(word));
    if (typeof word === 'string') text += word;
    else {
      parts.push(Buffer.from(text), word);
      text = '';
      if (word.length <= MAX_JOINED_BYTES) continue;
      for (const part of parts) connection.write(part);
      parts = [];
    }
  }
  text += LINE_END;
  return parts.length === 0 ? text : Buffer.concat([...parts, Buffer.from(text)]);
}

/** Any other command with a value of megabytes, which ioredis would copy. */
export async function sendUncopied(redis: RedisClient, name: string, words: (string | Buffer)[]): Promise<void> {
  await redis.sendCommand(new UncopiedCommand(name, words, { replyEncoding: 'utf8' }));
}

class UncopiedCommand extends Command {
  override toWritable(connection: Writable): string | Buffer {
    return written(connection, [this.name, ...(this.args as (string | Buffer)[])]);
  }
}

const LINE_END = '\r\n';
const markOf = (length: number) => `${LINE_END}$${length}${LINE_END}`;
const MARKS = Array.from({ length: 1_024 }, (_, length) => markOf(length));

/** What separates two words: the end of the one before, and the length of the next. */
function lengthMark(length: number): string {
  return MARKS[length] ?? markOf(length);
}
