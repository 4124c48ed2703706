// Reloads the configuration while a process runs: on SIGHUP and when the file changes. A new configuration is checked as a whole
// and replaces the former one in one step. If it is invalid it is refused, and the former one stays in force.
import { createHash } from 'node:crypto';
import { readFileSync, type Stats, statSync, unwatchFile, watchFile } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { readCredentials } from '../config/credentials.ts';
import { ConfigurationError, formatFault } from '../config/load.ts';
import { loadRuntime, type Runtime } from '../config/runtime.ts';
import type { Configuration } from '../config/schema.ts';
import type { Reload } from '../contracts/configuration-reload.ts';
import type { Logger } from '../telemetry/logger.ts';

/** Sections that are applied from the next request on. All others are read only when a process starts. */
export const RELOADED_SECTIONS = ['providers', 'models', 'storage'] as const;
type ReloadedSection = (typeof RELOADED_SECTIONS)[number];

export interface ConfigurationFollower {
  /** Reads the file now, if it was not read within the last second. */
  refresh(): Promise<void>;
  stop(): void;
}

interface FollowOptions {
  runtime: Runtime;
  logger: Pick<Logger, 'info' | 'warn' | 'error'>;
  /** Called after a new configuration is in force. */
  onChange?: () => void;
}

const LOOK_EVERY_MS = 1_000;
/** A changed file is read once it has not changed for this long, so that half-written files are not. */
const SETTLED_MS = 200;
const MAX_SHOWN = 50;

export function followConfiguration({ runtime, logger, onChange }: FollowOptions): ConfigurationFollower {
  const { configPath: path } = runtime;
  let known = textOf(path);
  let inForce = hashOf(known);
  let readAtMs = 0;
  let isStopped = false;
  for (const note of runtime.notes) logger.warn({ note }, 'a setting of the configuration is not supported');

  async function reload(why: string): Promise<void> {
    readAtMs = Date.now();
    const text = textOf(path);
    known = text;
    try {
      if (text === null) throw new ConfigurationError([{ file: path, line: null, path: '', message: 'no such file' }]);
      const next = loadRuntime(undefined, runtime.environment, runtime.secretMask);
      await readCredentials(next.catalogue.providers.values());
      // If the file was read again in the meantime, that newer content counts.
      if (known === text && !isStopped) adopt(next, why);
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error;
      const faults = error.faults.slice(0, MAX_SHOWN).map(formatFault);
      logger.error({ why, faults }, 'the new configuration was refused; the former one stays in force');
      runtime.fileState.isRefused = true;
      tell('refused', why, { faults });
    }
  }

  function start(why: string): Promise<void> {
    return reload(why).catch((error: unknown) => {
      logger.error({ err: error }, 'the configuration could not be read again');
    });
  }

  function tell(kind: Reload['kind'], why: string, found: Partial<Reload>): void {
    const next = hashOf(known);
    const stat = statSync(path, { throwIfNoEntry: false });
    const written = stat === undefined ? null : { atMs: stat.mtimeMs, uid: stat.uid };
    const nothing = { changed: [], afterRestart: [], faults: [] };
    runtime.onReload?.({ kind, why, file: path, written, former: inForce, next, ...nothing, ...found });
    if (kind === 'changed') inForce = next;
  }

  function adopt(next: Runtime, why: string): void {
    const changed = changedPaths(runtime.configuration, next.configuration);
    const isReloaded = (at: string) => RELOADED_SECTIONS.includes(at.split('.')[0] as ReloadedSection);
    const fixed = changed.filter((at) => !isReloaded(at));
    Object.assign(runtime.fileState, { isRefused: false, awaitingRestart: fixed.length });
    if (fixed.length > 0) {
      logger.warn(
        { why, settings: fixed.slice(0, MAX_SHOWN) },
        'these settings need a restart; their former values stay in force',
      );
    }
    const adopted = changed.filter(isReloaded);
    for (const note of next.notes) logger.warn({ note }, 'a setting of the configuration is not supported');
    const names = { changed: adopted.slice(0, MAX_SHOWN), afterRestart: fixed.slice(0, MAX_SHOWN) };
    tell(hashOf(known) === inForce ? 'reverted' : 'changed', why, names);
    if (adopted.length === 0) return;
    runtime.secretMask.configure(next.secrets);
    for (const section of RELOADED_SECTIONS)
      Object.assign(runtime.configuration, { [section]: next.configuration[section] });
    runtime.catalogue.replace(next.catalogue);
    onChange?.();
    logger.info({ why, changed: names.changed, count: adopted.length }, 'the configuration has changed');
  }

  async function onFile(now: Stats): Promise<void> {
    let seen = now;
    for (;;) {
      await sleep(SETTLED_MS);
      const next = statSync(path, { throwIfNoEntry: false });
      if (next === undefined || (next.mtimeMs === seen.mtimeMs && next.size === seen.size)) break;
      seen = next;
    }
    if (!isStopped && textOf(path) !== known) await start('the file has changed');
  }

  const onStat = (now: Stats) => void onFile(now);
  const onHangUp = () => void start('SIGHUP');
  watchFile(path, { interval: LOOK_EVERY_MS, persistent: false }, onStat);
  process.on('SIGHUP', onHangUp);
  return {
    async refresh() {
      if (Date.now() - readAtMs > LOOK_EVERY_MS && textOf(path) !== known) await start('a request needs a newer one');
    },
    stop() {
      isStopped = true;
      unwatchFile(path, onStat);
      process.off('SIGHUP', onHangUp);
    },
  };
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

function hashOf(text: string | null): string | null {
  return text === null ? null : createHash('sha256').update(text).digest('hex');
}

/** The deepest paths that differ; for an added or removed member, its own path. Without values, as some are secrets. */
export function changedPaths(former: Configuration, next: Configuration): string[] {
  const paths: string[] = [];
  const isBranch = (value: unknown): value is object => typeof value === 'object' && value !== null;
  function compare(a: unknown, b: unknown, path: string): void {
    if (isBranch(a) && isBranch(b) && Array.isArray(a) === Array.isArray(b)) {
      for (const name of new Set([...Object.keys(a), ...Object.keys(b)])) {
        const at = path === '' ? name : `${path}.${name}`;
        compare((a as Record<string, unknown>)[name], (b as Record<string, unknown>)[name], at);
      }
    } else if (!Object.is(a, b)) paths.push(path);
  }
  compare(former, next, '');
  return paths;
}
