// Loads a Lua script from the file beside its TypeScript, joins scripts, and runs them by their digests (script-command.ts).
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RedisClient } from './redis.ts';
import { type ScriptArgument, sendScript } from './script-command.ts';

export type { ScriptArgument };

export interface LuaScript {
  /** Made of the file's name, or of the names of its parts. One name has one source. */
  command: string;
  source: string;
}

const WHOLE_NUMBERS = readFileSync(new URL('./whole-numbers.lua', import.meta.url), 'utf8');
const MONEY = readFileSync(new URL('./money.lua', import.meta.url), 'utf8');

/** A part's error ends the script before the next part has written anything. */
const sequenceScript: LuaScript = {
  command: '',
  source: `local keys, args = tonumber(ARGV[1]), 2 + tonumber(ARGV[2])
local done = first({unpack(KEYS, 1, keys)}, {unpack(ARGV, 3, args)})
if type(done) == 'table' and done.err then return done end
return {done, second({unpack(KEYS, keys + 1)}, {unpack(ARGV, args + 1)})}`,
};

/** `loadLuaScript(import.meta.url, './permit.lua')` */
export function loadLuaScript(moduleUrl: string, relativePath: string): LuaScript {
  const path = fileURLToPath(new URL(relativePath, moduleUrl));
  const source = readFileSync(path, 'utf8');
  return {
    command: `sluice_${basename(path, '.lua').replaceAll('-', '_')}`,
    source: `${/\b(whole|digits)\(/.test(source) ? WHOLE_NUMBERS : ''}${/\bmoney\(/.test(source) ? MONEY : ''}${source}`,
  };
}

/** A script preceded by functions that it shares with others. */
export function withFunctions(functions: LuaScript, { command, source }: LuaScript): LuaScript {
  return { command, source: functions.source + source };
}

/** A script with its keys and arguments, so that it can run within the script of another step. */
export interface ScriptCall {
  script: LuaScript;
  keys: readonly string[];
  args: readonly ScriptArgument[];
}

/** A function that another script calls, with its arguments. */
export interface ScriptFunction {
  source: string;
  args: readonly ScriptArgument[];
}

/**
 * Joins several scripts: each part becomes a function (KEYS, ARGV) that `main` calls by its name. All keys must be on one
 * server (`isCluster` in redis.ts).
 */
export function joinScripts(command: string, parts: Readonly<Record<string, LuaScript>>, main: LuaScript): LuaScript {
  const functions = Object.entries(parts).map(
    ([name, { source }]) => `local function ${name}(KEYS, ARGV)\n${source}\nend\n`,
  );
  return { command, source: functions.join('') + main.source };
}

const sequences = new Map<string, LuaScript>();

/**
 * Two calls as one script, one after the other, which returns both replies. All keys must be on one server. The cache needs no
 * bound: the pairs are fixed by the program, and few.
 */
export function inSequence(first: ScriptCall, second: ScriptCall): ScriptCall {
  const command = `${first.script.command}_then_${second.script.command}`;
  let script = sequences.get(command);
  if (script === undefined) {
    script = joinScripts(command, { first: first.script, second: second.script }, sequenceScript);
    sequences.set(command, script);
  }
  const sizes: ScriptArgument[] = [first.keys.length, first.args.length];
  return { script, keys: first.keys.concat(second.keys), args: sizes.concat(first.args, second.args) };
}

export function runCall(redis: RedisClient, { script, keys, args }: ScriptCall): Promise<unknown> {
  return runScript(redis, script, keys, args);
}

export function runCallForBuffers(redis: RedisClient, { script, keys, args }: ScriptCall): Promise<unknown> {
  return runScriptForBuffers(redis, script, keys, args);
}

/** Replies with strings and numbers. */
export function runScript(
  redis: RedisClient,
  script: LuaScript,
  keys: readonly string[],
  args: readonly ScriptArgument[],
): Promise<unknown> {
  return send(redis, script, keys, args, false);
}

/** Replies with buffers in place of strings: for scripts that return bodies. */
export function runScriptForBuffers(
  redis: RedisClient,
  script: LuaScript,
  keys: readonly string[],
  args: readonly ScriptArgument[],
): Promise<unknown> {
  return send(redis, script, keys, args, true);
}

function send(
  redis: RedisClient,
  { command: name, source }: LuaScript,
  keys: readonly string[],
  args: readonly ScriptArgument[],
  wantsBuffers: boolean,
): Promise<unknown> {
  return sendScript(redis, { name, source, keys, args, wantsBuffers });
}
