// A run of a script as a single ioredis command. ioredis' `defineCommand` copies the arguments of a call five times and creates
// three promises for it, and every request makes two calls of some ninety arguments.
//
// As with `defineCommand`, the first call on a connection sends the source and later ones send its digest. If Redis no longer
// has the script (a restart, SCRIPT FLUSH), the call is repeated with the source.
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

export interface ScriptRun {
  /** One name has one source. */
  name: string;
  source: string;
  keys: readonly string[];
  args: readonly (string | Buffer)[];
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
    // A cluster client finds the keys in here.
    this.args = [this.#script.digest, String(keys.length)].concat(keys, args as string[]);
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
    const begin = `*${words.length + 1}${lengthMark(verb.length)}${verb}${lengthMark(Buffer.byteLength(script))}${script}`;
    return written(connection, begin, words, 1);
  }
}

/** Larger buffers are written as they are, after the text before them: joining them would be a copy. */
const MAX_JOINED_BYTES = 64 * 1024;

/** RESP: the number of words, then each word after its length. Returns the last part, which ioredis writes. */
function written(
  connection: Writable,
  begin: string,
  words: readonly (string | Buffer)[],
  from: number,
): string | Buffer {
  let parts: Buffer[] = [];
  let text = begin;
  for (let place = from; place < words.length; place++) {
    const word = words[place]!;
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
    const words = this.args as (string | Buffer)[];
    return written(connection, `*${words.length + 1}${lengthMark(this.name.length)}${this.name}`, words, 0);
  }
}

const LINE_END = '\r\n';
const markOf = (length: number) => `${LINE_END}$${length}${LINE_END}`;
const MARKS = Array.from({ length: 1_024 }, (_, length) => markOf(length));

/** What separates two words: the end of the one before, and the length of the next. */
function lengthMark(length: number): string {
  return MARKS[length] ?? markOf(length);
}
