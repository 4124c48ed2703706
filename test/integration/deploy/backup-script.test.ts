// Symptom: after a backup that failed or was interrupted, Redis never rewrote its append-only file again, which grew until the disk
// was full. Cause: the trap that gave the setting back was on RETURN, which does not come when `set -e` or a signal ends a script.
// Fix: deploy/backup/backup.sh (EXIT, INT and TERM).
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ROOT } from '#test/support/processes.ts';
import { waitFor } from '#test/support/wait.ts';

const REDIS_CLI = `#!/usr/bin/env bash
case "$*" in
  *'config get dir') printf 'dir\\n%s\\n' "$FAKE" ;;
  *'config get appendonly') printf 'appendonly\\nyes\\n' ;;
  *'config get auto-aof-rewrite-percentage') printf 'auto-aof-rewrite-percentage\\n70\\n' ;;
  *'config set auto-aof-rewrite-percentage '*) echo "\${@: -1}" >> "$FAKE/set"; echo OK ;;
  *'info persistence') echo "aof_rewrite_in_progress:$REWRITING" ;;
esac
`;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-backup-script-'));
  mkdirSync(join(folder, 'appendonlydir'));
  mkdirSync(join(folder, 'bin'));
  command('redis-cli', REDIS_CLI);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function command(name: string, text: string): void {
  const path = join(folder, 'bin', name);
  writeFileSync(path, text);
  chmodSync(path, 0o755);
}

/** What the setting became, one after the other. */
function settings(): string[] {
  const path = join(folder, 'set');
  return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : [];
}

function backup(isRewriting = false) {
  const env = {
    PATH: `${join(folder, 'bin')}:${process.env.PATH}`,
    FAKE: folder,
    REWRITING: isRewriting ? '1' : '0',
    SLUICE_REDIS_URL: 'redis://127.0.0.1:1',
    SLUICE_DATABASE_URL: `sqlite:${join(folder, 'sluice.db')}`,
  };
  const script = spawn(`${ROOT}deploy/backup/backup.sh`, [join(folder, 'copy')], { env, stdio: 'ignore' });
  return { script, ended: once(script, 'exit') };
}

test('a backup gives Redis its setting back once', async () => {
  expect(await backup().ended).toEqual([0, null]);
  expect(settings()).toEqual(['0', '70']);
});

test('so does one that fails', async () => {
  command('cp', '#!/bin/sh\nexit 3\n');
  expect(await backup().ended).toEqual([3, null]);
  expect(settings()).toEqual(['0', '70']);
});

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('so does one that %s ends', async (signal, code) => {
  const { script, ended } = backup(true);
  await waitFor('the setting to be changed', () => settings().length > 0);
  script.kill(signal);
  expect(await ended).toEqual([code, null]);
  expect(settings()).toEqual(['0', '70']);
});
