// Loads a Lua script that stands beside its TypeScript and runs it by its digest. ioredis sends the source once per
// socket and the digest afterwards, also after Redis has forgotten its scripts.
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RedisClient } from './redis.ts';

export interface LuaScript {
  /** Name of the command on the connection. Prefixed: a bare name could shadow a method of ioredis. */
  command: string;
  source: string;
}

type ScriptArgument = string | number | Buffer;
type ScriptCall = (...args: ScriptArgument[]) => Promise<unknown>;

/** `loadLuaScript(import.meta.url, './permit.lua')` */
export function loadLuaScript(moduleUrl: string, relativePath: string): LuaScript {
  const path = fileURLToPath(new URL(relativePath, moduleUrl));
  return {
    command: `sluice_${basename(path, '.lua').replaceAll('-', '_')}`,
    source: readFileSync(path, 'utf8'),
  };
}

/** Replies with strings and numbers. */
export function runScript(
  redis: RedisClient,
  script: LuaScript,
  keys: readonly string[],
  args: readonly ScriptArgument[],
): Promise<unknown> {
  return call(redis, script, script.command, keys, args);
}

/** Replies with buffers in place of strings: for scripts that return bodies. */
export function runScriptForBuffers(
  redis: RedisClient,
  script: LuaScript,
  keys: readonly string[],
  args: readonly ScriptArgument[],
): Promise<unknown> {
  return call(redis, script, `${script.command}Buffer`, keys, args);
}

function call(
  redis: RedisClient,
  script: LuaScript,
  method: string,
  keys: readonly string[],
  args: readonly ScriptArgument[],
): Promise<unknown> {
  const commands = redis as unknown as Record<string, ScriptCall>;
  if (commands[method] === undefined) redis.defineCommand(script.command, { lua: script.source });
  return commands[method]!(keys.length, ...keys, ...args);
}
