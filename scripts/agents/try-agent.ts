// Runs the task with one agent and one protocol in a temporary folder, then checks the folder, the agent's output, the simulator
// and Sluice's ledger.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { LoggedRequest } from '../../simulator/src/engine/records/request-log.ts';
import type { Protocol, TriedSluice } from '../harness/sluice.ts';
import type { Agent, Task } from './agents.ts';

export interface Finding {
  isWell: boolean;
  /** Number of scripted answers that the simulator sent. */
  turns: number;
  ms: number;
  /** The problems, and the agent's output. */
  report: string;
}

const LIMIT_MS = 120_000;
const BEFORE = 'Hello, world.';
const REPORTED_LINES = 60;

export async function tryAgent(
  sluice: TriedSluice,
  agent: Agent,
  program: string,
  protocol: Protocol,
  isKept: boolean,
): Promise<Finding> {
  const folder = mkdtempSync(join(tmpdir(), `sluice-agent-${agent.package}-`));
  const task = prepare(folder, sluice, protocol);
  const { simulator } = sluice;
  await sluice.newEntries();
  simulator.clearStats();
  const seen = simulator.requests().length;
  simulator.scripts.replace([{ name: 'task', turns: agent.turns(task) }]);
  const startedAtMs = Date.now();
  const { said, ending } = await launch(agent, program, task);
  const ms = Date.now() - startedAtMs;
  const faults = [
    ...(ending === null ? [] : [ending]),
    ...faultsOf(task, said, sluice),
    ...faultsOfPrefixes(simulator.requests().slice(seen)),
    ...(await faultsOfBooks(sluice)),
  ];
  const turns = simulator.scripts.list()[0]!.turns.reduce((sum, turn) => sum + turn.said, 0);
  if (isKept) writeFileSync(join(folder, 'requests.json'), JSON.stringify(simulator.requests().slice(seen), null, 2));
  else rmSync(folder, { recursive: true, force: true });
  const output = said.split('\n').slice(-REPORTED_LINES).join('\n');
  const report = [...faults.map((fault) => `* ${fault}`), isKept ? folder : '', output].join('\n');
  return { isWell: faults.length === 0, turns, ms, report };
}

function prepare(folder: string, { url, key }: TriedSluice, model: string): Task {
  const [work, home] = ['work', 'home'].map((name) => join(folder, name)) as [string, string];
  for (const path of [work, home]) mkdirSync(path);
  const word = `number-${Math.floor(Math.random() * 1e6)}`;
  const file = join(work, 'greeting.txt');
  writeFileSync(file, `${BEFORE}\n`);
  return {
    ...{ work, home, url, key, model, file, before: BEFORE },
    prompt: 'Greet by name in greeting.txt, then run the command.',
    after: `Hello, ${word}.`,
    command: `echo ${word} > ran.txt`,
    words: `It is done, ${word}.`,
  };
}

/** `ending` describes a bad end; null if the agent exited by itself with status 0. */
function launch(agent: Agent, program: string, task: Task): Promise<{ said: string; ending: string | null }> {
  const { args, env, files = {} } = agent.launch(task);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  const own = { HOME: task.home, TMPDIR: task.home, TERM: 'dumb', NO_COLOR: '1', CI: '1', PWD: task.work };
  const child = spawn(program, args, {
    cwd: task.work,
    env: { PATH: `${dirname(process.execPath)}:${process.env.PATH}`, LANG: 'C.UTF-8', ...own, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A separate process group, so that its child processes are killed with it.
    detached: true,
  });
  let said = '';
  for (const output of [child.stdout, child.stderr]) output.on('data', (piece: Buffer) => (said += piece.toString()));
  const endGroup = () => {
    try {
      process.kill(-child.pid!, 'SIGKILL');
    } catch {
      // The group has already ended.
    }
  };
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    endGroup();
  }, LIMIT_MS);
  return new Promise((resolve) => {
    child.on('error', (error) => resolve({ said, ending: `it cannot be started: ${error.message}` }));
    child.on('exit', endGroup);
    child.on('close', (code) => {
      clearTimeout(timer);
      const ending = isLate ? `it was still running after ${LIMIT_MS} ms` : code === 0 ? null : `it ended with ${code}`;
      resolve({ said, ending });
    });
  });
}

function faultsOf({ work, file, after, command, words }: Task, said: string, { simulator }: TriedSluice): string[] {
  const [, word] = command.split(' ');
  const ran = join(work, 'ran.txt');
  const edited = readFileSync(file, 'utf8');
  const { turns, lastAside } = simulator.scripts.list()[0]!;
  const silent = turns.flatMap(({ said: times }, index) => (times === 0 ? [index + 1] : []));
  const refusals = Object.entries(simulator.stats().refusals);
  return [
    ...(edited === `${after}\n` ? [] : [`the file was not edited: ${JSON.stringify(edited)}`]),
    ...(existsSync(ran) && readFileSync(ran, 'utf8').trim() === word ? [] : ['the command was not run']),
    ...(said.includes(words) ? [] : ['the final text was not shown']),
    ...(silent.length === 0
      ? []
      : [`turns that were never requested: ${silent.join(', ')}; outside the session: ${lastAside}`]),
    ...refusals.map(([kind, times]) => `the provider refused ${times} calls: ${kind}`),
  ];
}

/**
 * Providers cache the prefixes of requests: each turn must start with the same bytes as the one before, except for the marks with
 * which agents set the end of the cache.
 */
function faultsOfPrefixes(requests: readonly LoggedRequest[]): string[] {
  const turns = requests.flatMap(({ body }) => {
    const { messages, input, contents, tools, system, systemInstruction, instructions } = readJson(body);
    const conversation = messages ?? input ?? contents;
    if (!Array.isArray(conversation) || tools === undefined) return [];
    const head = [tools, system, systemInstruction, instructions];
    return [[head, ...conversation].map((part) => JSON.stringify(part, withoutMarks))];
  });
  return turns.slice(1).flatMap((turn, index) => {
    const changed = turns[index]!.findIndex((part, at) => part !== turn[at]);
    return changed < 0 ? [] : [`turn ${index + 2} changes part ${changed} of the turn before: ${turn[changed]}`];
  });
}

function readJson(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}

/** Removes cache marks. With a mark a text is a block; without one, Anthropic's SDKs send it as a plain string. */
function withoutMarks(key: string, value: unknown): unknown {
  if (key === 'cache_control') return undefined;
  if (key !== 'content' || typeof value !== 'string') return value;
  return [{ type: 'text', text: value }];
}

/** Checks that the provider's bill for this run equals Sluice's ledger, to the picodollar. */
async function faultsOfBooks(sluice: TriedSluice): Promise<string[]> {
  const {
    entries,
    billed: { calls, costPicoUsd: billed },
  } = await sluice.newEntries();
  const written = entries.reduce((sum, { costPicoUsd }) => sum + costPicoUsd, 0n);
  const broken = entries.filter(({ outcome }) => outcome !== 'ok').map(({ outcome }) => outcome);
  return [
    ...(written === billed && entries.length >= calls ? [] : [`the ledger has ${written}, the bill ${billed}`]),
    ...(broken.length === 0 ? [] : [`attempts ended with ${broken.join(', ')}`]),
  ];
}
