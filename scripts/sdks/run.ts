// Runs official SDKs, and libraries built on them, in the newest and the previous major version, against Sluice in front of a
// simulator. Prints how each handles answers, streams, tools, errors and silence. Exits with status 1 if one does not behave as
// its users expect.
//
//   npm run sdks -- [--only anthropic]… [--language python] [--onto gemini-generate-content] [--verbose]
//
// Needs npm, uv and Linux: SDKs have no network but loopback. They are installed once, in ~/.cache/sluice-outside.
import { spawn } from 'node:child_process';
import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { endWithParent } from '#test/support/end-with-parent.ts';
import { formatTable } from '../../src/cli/terminal.ts';
import { installNpm, installPython } from '../harness/install.ts';
import { isOnLoopback, rerunOnLoopback } from '../harness/loopback.ts';
import { PROTOCOL_NAMES, startSluice, type TriedSluice } from '../harness/sluice.ts';
import { CASES, type Case, type Result, SCHEMA, SCRIPT, TOOLS } from './cases.ts';

type Language = 'javascript' | 'python';
type Versions = Record<string, string>;

interface Sdk {
  language: Language;
  /** Key in versions.json. */
  group: string;
  /** Its name in the probe. */
  name: string;
  version: string;
  command: string[];
  folder: string;
}

const versions = JSON.parse(readFileSync(new URL('versions.json', import.meta.url), 'utf8')) as Record<
  Language,
  Record<string, Versions>
>;
const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    language: { type: 'string' },
    onto: { type: 'string' },
    verbose: { type: 'boolean', default: false },
  },
});

/** By name in the probe: the package whose version is reported. */
const PACKAGES: Record<Language, Record<string, string>> = {
  javascript: {
    'openai chat': 'openai',
    'openai responses': 'openai',
    anthropic: '@anthropic-ai/sdk',
    'google-genai': '@google/genai',
    'ai openai chat': '@ai-sdk/openai',
    'ai openai responses': '@ai-sdk/openai',
    'ai anthropic': '@ai-sdk/anthropic',
    'ai google': '@ai-sdk/google',
    'langchain openai': '@langchain/openai',
    'langchain anthropic': '@langchain/anthropic',
    'langchain google': '@langchain/google-genai',
  },
  python: {
    'openai chat': 'openai',
    'openai responses': 'openai',
    anthropic: 'anthropic',
    'google-genai': 'google-genai',
    'langchain openai': 'langchain-openai',
    'langchain anthropic': 'langchain-anthropic',
    'langchain google': 'langchain-google-genai',
  },
};
const LIMIT_MS = 180_000;
/** Short enough for several of them while the simulator is silent. */
const KEEP_ALIVE_MS = 1_000;
/** SDKs run at once: most of the time they wait before retries. */
const AT_ONCE = 6;
let tag = 1_000;
/** Not a fault of Sluice: Google's other SDKs need empty lines as keep-alive (findings/langchain-google-empty-lines.sh). */
const KNOWN = new Set(['javascript langchain google: idle']);

const sdks = (['javascript', 'python'] as const)
  .filter((language) => values.language === undefined || values.language === language)
  .flatMap((language) =>
    Object.entries(versions[language]).flatMap(([group, packages]) => find(language, group, packages)),
  )
  .filter(({ name }) => values.only?.some((wanted) => name.includes(wanted)) ?? true);
process.exitCode = isOnLoopback() ? await runAll() : await rerunOnLoopback();

function find(language: Language, group: string, packages: Versions): Sdk[] {
  const names = Object.entries(PACKAGES[language]).filter(([, name]) => name in packages);
  const folder = install(language, group, packages);
  const probe = fileURLToPath(new URL(language === 'python' ? 'probe.py' : 'probe.mjs', import.meta.url));
  // Node resolves packages from the folder of the importing file.
  const own = join(folder, 'probe.mjs');
  if (language === 'javascript') copyFileSync(probe, own);
  const command = language === 'python' ? [join(folder, 'bin/python'), probe] : [process.execPath, own];
  return names.map(([name, from]) => ({ language, group, name, version: packages[from]!, command, folder }));
}

function install(language: Language, group: string, packages: Versions): string {
  const named = (separator: string) => Object.entries(packages).map(([name, version]) => name + separator + version);
  const folder = `sdks-${language}-${group}`;
  // Packages built on the SDKs have peer dependencies on other versions of them.
  return language === 'python'
    ? installPython(folder, named('=='))
    : installNpm(folder, [...named('@'), '--legacy-peer-deps']);
}

async function runAll(): Promise<number> {
  // Without Sluice's own retries, which would only take time: the SDKs are under test.
  const sluice = await startSluice({ server: { keep_alive_ms: KEEP_ALIVE_MS }, retries: { max: 0 } });
  sluice.simulator.scripts.replace([SCRIPT]);
  const rows: string[][] = [];
  let faults = 0;
  try {
    const left = sdks.flatMap((sdk) => targetsOf(sdk).map((model) => ({ sdk, model })));
    const wanted = [...left];
    const found = new Map<object, string[]>();
    const work = async () => {
      for (let next = left.shift(); next !== undefined; next = left.shift()) {
        const { sdk, model } = next;
        const { cells, bad } = await tryOne(sluice, sdk, model);
        faults += bad;
        found.set(next, [`${sdk.language === 'python' ? 'Python' : 'JS'} ${sdk.name}`, sdk.version, model, ...cells]);
        console.error(found.get(next)!.join(' | '));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    rows.push(...wanted.map((row) => found.get(row)!));
  } finally {
    await sluice.stop();
  }
  console.log(formatTable(['sdk', 'version', 'onto', ...CASES.map(({ name }) => name)], rows));
  return faults === 0 ? 0 : 1;
}

/** Provider protocols to test with: the SDK's own and another one. */
function targetsOf({ name }: Sdk): string[] {
  if (values.onto !== undefined) return PROTOCOL_NAMES.filter((protocol) => protocol.includes(values.onto!));
  if (name.includes('anthropic')) return ['anthropic-messages', 'openai-responses'];
  if (name.includes('google')) return ['gemini-generate-content', 'openai-chat'];
  return name.includes('responses')
    ? ['openai-responses', 'anthropic-messages']
    : ['openai-chat', 'gemini-generate-content'];
}

async function tryOne({ simulator, url, key }: TriedSluice, sdk: Sdk, model: string) {
  const cells: string[] = [];
  let bad = 0;
  for (const item of CASES) {
    tag += 1;
    const mark = `tokens=${tag}`;
    const isNewest = sdk.group.includes('newest');
    const cases = [{ ...item, prompt: item.prompt.replace('tokens=TAG', mark) }];
    const result = await ask(sdk, { url, key, model, isNewest, schema: SCHEMA, tools: TOOLS, cases }, item);
    const own = simulator.requests().filter(({ body }) => body.includes(mark));
    const calls = own.map(({ headers }) => headers['x-client-request-id'] ?? '');
    // Attempts of a request share its id: this counts the requests to Sluice.
    const requests = new Set(calls.map((id) => id.split('.')[0])).size;
    const isWell = item.isWell(result) || KNOWN.has(`${sdk.language} ${sdk.name}: ${item.name}`);
    if (!isWell) bad += 1;
    if (values.verbose || !isWell) console.error(item.name, JSON.stringify(result));
    cells.push(inShort(item, result, requests, isWell));
  }
  return { cells, bad };
}

function inShort({ kind }: Case, { raised, text }: Result, requests: number, isWell: boolean): string {
  if (raised === undefined) return isWell ? 'ok' : 'WRONG';
  const tries = kind === 'say' && requests > 1 ? ` after ${requests} requests` : '';
  const told = kind === 'stream' && text !== '' ? ' after the text' : '';
  return `${isWell ? '' : 'WRONG: '}${raised}${tries}${told}`;
}

function ask(sdk: Sdk, input: object, { name }: Case): Promise<Result> {
  const [program, ...args] = sdk.command;
  const child = spawn(program!, [...args, sdk.name], {
    cwd: sdk.folder,
    env: { PATH: process.env.PATH, HOME: sdk.folder, LANG: 'C.UTF-8', AI_SDK_LOG_WARNINGS: 'false' },
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: LIMIT_MS,
  });
  endWithParent(child);
  child.stdin.end(JSON.stringify(input));
  const said = { out: '', error: '' };
  child.stdout.on('data', (piece: Buffer) => (said.out += piece.toString()));
  child.stderr.on('data', (piece: Buffer) => (said.error += piece.toString()));
  return new Promise((resolve) => {
    child.on('close', () => {
      const line = said.out.trim().split('\n').at(-1) ?? '';
      try {
        resolve((JSON.parse(line) as Record<string, Result>)[name]!);
      } catch {
        resolve({ calls: [], raised: 'no output', message: said.error.slice(-1_000), ms: 0 });
      }
    });
  });
}
