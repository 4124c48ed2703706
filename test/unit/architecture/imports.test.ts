// The import rule of docs/architecture.md, checked for every file: tiers build on domain folders, those on the kernel, and
// nothing imports upwards or sideways.
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const files = globSync(['src/**/*.ts', 'workers/**/*.ts', 'simulator/src/**/*.ts'], { cwd: ROOT }).sort();

/** What each part may import besides itself. */
const DOMAINS = [
  'routing',
  'limits',
  'queue',
  'reply',
  'accounts',
  'ledger',
  'webhooks',
  'batches',
  'responses',
  'dead-letters',
];
const KERNEL = ['storage', 'config', 'telemetry', 'protocols', 'http', 'contracts'];
const MAY_IMPORT: Record<string, readonly string[]> = {
  contracts: [],
  protocols: ['contracts'],
  telemetry: ['contracts'],
  http: ['contracts'],
  config: ['contracts', 'protocols'],
  storage: ['contracts', 'config', 'telemetry'],
  process: ['config', 'telemetry', 'contracts', 'storage'],
  ...Object.fromEntries(DOMAINS.map((domain) => [domain, KERNEL])),
  api: [...DOMAINS, ...KERNEL, 'process'],
  cli: [...DOMAINS, ...KERNEL],
  workers: [...DOMAINS, ...KERNEL, 'process'],
  simulator: ['contracts', 'protocols'],
};

const IMPORT = /(?:^|\n)\s*(?:import|export)\s(?:[^'"]*?\sfrom\s)?['"]([^'"]+)['"]/g;

function importsOf(file: string): string[] {
  const text = readFileSync(join(ROOT, file), 'utf8');
  return [...text.matchAll(IMPORT)].flatMap(([, target]) => {
    if (target!.startsWith('.')) return [relative(ROOT, join(ROOT, dirname(file), target!))];
    return target!.startsWith('#') ? [target!.slice(1)] : [];
  });
}

/** All that the simulator uses of the product: how tokens are estimated and counted, and how money is written. */
const SHARED_WITH_SIMULATOR = [
  'src/contracts/money.ts',
  'src/contracts/usage.ts',
  'src/protocols/openai-chat/request/read-request.ts',
  'src/protocols/providers/token-estimate.ts',
];

/** `src/<part>/…`, `workers` or `simulator`; null for an entry point. */
function partOf(file: string): string | null {
  const [top, second, ...rest] = file.split('/');
  if (top === 'simulator') return file === 'simulator/src/simulate.ts' ? null : 'simulator';
  if (top === 'workers') return second!.endsWith('.ts') ? null : 'workers';
  return rest.length === 0 ? null : second!;
}

const graph = new Map(files.map((file) => [file, importsOf(file)]));

test('the simulator imports little from the product', () => {
  const taken = [...graph]
    .filter(([file]) => partOf(file) === 'simulator')
    .flatMap(([, targets]) => targets.filter((target) => !target.startsWith('simulator/')));
  expect([...new Set(taken)].sort()).toEqual(SHARED_WITH_SIMULATOR);
});

test('there are files to check', () => {
  expect(files.length).toBeGreaterThan(100);
  expect([...graph.values()].flat().length).toBeGreaterThan(300);
});

describe('who may import whom', () => {
  test.each([...graph])('%s', (file, targets) => {
    const part = partOf(file);
    for (const target of targets) {
      expect(graph.has(target), `${target} exists`).toBe(true);
      const other = partOf(target);
      expect(other, `entry point ${target} is imported`).not.toBeNull();
      if (part === null || other === part) continue;
      expect(MAY_IMPORT[part], `${part} imports ${other}`).toContain(other);
    }
  });
});

test('there are no cycles', () => {
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string) => {
    const at = path.indexOf(file);
    expect(at < 0 ? [] : [...path.slice(at), file]).toEqual([]);
    if (done.has(file)) return;
    path.push(file);
    for (const target of graph.get(file) ?? []) visit(target);
    path.pop();
    done.add(file);
  };
  for (const file of files) visit(file);
});

test('only storage, and code that starts processes, opens connections', () => {
  const openers = files.filter((file) => {
    const text = readFileSync(join(ROOT, file), 'utf8');
    return /new (?:Redis|Cluster|DatabaseSync|pg\.Pool)\(/.test(text);
  });
  expect(openers.every((file) => file.startsWith('src/storage/'))).toBe(true);
});

test('a route is imported only by the register of its part of the API', () => {
  const isRoute = (file: string) => /^src\/api\/routes\/(?!admin\.ts$)/.test(file);
  const between = [...graph].flatMap(([file, targets]) =>
    isRoute(file) ? targets.filter(isRoute).map((target) => `${file} → ${target}`) : [],
  );
  expect(between).toEqual([]);
});

test('there are no barrel files and no catch-all modules', () => {
  const names = files.map((file) => file.split('/').at(-1));
  for (const bad of ['index.ts', 'utils.ts', 'helpers.ts', 'types.ts', 'common.ts', 'lib.ts'])
    expect(names).not.toContain(bad);
});
