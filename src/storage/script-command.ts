// A run of a script as one command of ioredis. Its own way (`defineCommand`) copies the arguments of a call five times and
// makes three promises of it; every request has two calls of some ninety arguments.
//
// As there: the first call on a connection brings the source, the next ones its digest; where Redis has lost its scripts (a
// restart, SCRIPT FLUSH), the call is sent again with the source.
import { hash } from 'node:crypto';
import { Command } from 'ioredis';
import type { RedisClient } from './redis.ts';

/** What a script is known by. */
interface Known {
  digest: string;
  /** Connections that have brought its source. */
  loaded: WeakSet<object>;
}

/** By the name of the script: they are the program's own. */
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
    // In a cluster the keys are read from here.
    this.args = [this.#script.digest, String(keys.length)].concat(keys, args as string[]);
    const { reject } = this;
    this.reject = (error) => {
      if (!error.message.startsWith('NOSCRIPT') || this.#connection === null) return reject(error);
      this.#script.loaded.delete(this.#connection);
      sendAgain(this);
    };
  }

  /** RESP: how many there are, then each with its length before it. */
  override toWritable(connection: object): string | Buffer {
    const [verb, script] = this.#script.loaded.has(connection)
      ? ['EVALSHA', this.#script.digest]
      : ['EVAL', this.source];
    this.#script.loaded.add(connection);
    this.#connection = connection;
    const words = this.args as (string | Buffer)[];
    const written: Buffer[] = [];
    let text = `*${words.length + 1}${lengthMark(verb.length)}${verb}${lengthMark(Buffer.byteLength(script))}${script}`;
    for (let place = 1; place < words.length; place++) {
      const word = words[place]!;
      text += lengthMark(Buffer.byteLength(word));
      if (typeof word === 'string') text += word;
      else {
        written.push(Buffer.from(text), word);
        text = '';
      }
    }
    text += LINE_END;
    return written.length === 0 ? text : Buffer.concat([...written, Buffer.from(text)]);
  }
}

const LINE_END = '\r\n';
const markOf = (length: number) => `${LINE_END}$${length}${LINE_END}`;
const MARKS = Array.from({ length: 1_024 }, (_, length) => markOf(length));

/** Between two words. */
function lengthMark(length: number): string {
  return MARKS[length] ?? markOf(length);
}
