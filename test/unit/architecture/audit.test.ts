// scripts/audit.mjs and scripts/licences.mjs distinguish packages that may be shipped from others, and a registry that does
// not answer from one that found nothing.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const script = (name: string) => fileURLToPath(new URL(`../../../scripts/${name}`, import.meta.url));
let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-audit-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function run(name: string, args: readonly string[] = [], path = process.env.PATH) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [script(name), ...args], {
    encoding: 'utf8',
    env: { PATH: path },
  });
  return { status, told: stdout + stderr };
}

describe('vulnerabilities', () => {
  function audited(answer: string) {
    writeFileSync(join(directory, 'npm'), `#!/bin/sh\ncat << 'END'\n${answer}\nEND\nexit 1\n`, { mode: 0o755 });
    return run('audit.mjs', [], `${directory}:${process.env.PATH}`);
  }
  const one = (severity: string) => ({
    vulnerabilities: {
      a: { name: 'a', severity, range: '<2', via: [{ title: 'Bad', url: 'https://advisories.example/1' }, 'b'] },
    },
  });

  test.each([
    ['nothing', JSON.stringify({ vulnerabilities: {} }), 0, /^Audited: 0 packages/],
    ['a small one', JSON.stringify(one('moderate')), 0, /moderate: a <2: Bad \(.*\); by b\nAudited: 1 .* 0 of them/],
    ['a large one', JSON.stringify(one('critical')), 1, /1 of them high or critical/],
    ['a registry without audits', JSON.stringify({ error: { summary: '' }, statusCode: 405 }), 0, /^Not audited/],
    ['no answer', '', 0, /^Not audited/],
  ])('%s', (_name, answer, status, told) => {
    expect(audited(answer)).toEqual({ status, told: expect.stringMatching(told) });
  });
});

describe('licences', () => {
  function looked(packages: Record<string, object>) {
    const lock = join(directory, 'package-lock.json');
    writeFileSync(lock, JSON.stringify({ packages: { '': { license: 'Apache-2.0' }, ...packages } }));
    return run('licences.mjs', ['--lock', lock]);
  }

  test('permissive licences are allowed, alone or as an alternative', () => {
    expect(
      looked({ 'node_modules/a': { license: 'MIT' }, 'node_modules/b': { license: '(GPL-3.0 OR ISC)' } }).status,
    ).toBe(0);
  });

  test.each([
    ['a copyleft', { license: 'AGPL-3.0-only' }],
    ['a copyleft beside another', { license: 'MIT AND GPL-2.0-only' }],
    ['none', {}],
  ])('%s is not allowed', (_name, entry) => {
    const { status, told } = looked({ 'node_modules/@x/a': { version: '1.0.0', ...entry } });
    expect(status).toBe(1);
    expect(told).toMatch(/^not allowed: @x\/a 1\.0\.0/m);
  });

  test('development dependencies are only listed; another platform’s package has the licence of its siblings', () => {
    const { status, told } = looked({
      'node_modules/a': { license: 'MPL-2.0', dev: true },
      'node_modules/@b/linux': { license: 'MIT', version: '1.0.0', os: ['linux'] },
      'node_modules/@b/darwin': { version: '1.0.0', os: ['darwin'] },
    });
    expect({ status, told }).toEqual({ status: 0, told: 'installed: MIT 2\ndevelopment: MPL-2.0 1\n' });
  });

  test('those of Sluice’s dependencies are allowed', () => {
    expect(run('licences.mjs')).toMatchObject({ status: 0 });
  });
});
