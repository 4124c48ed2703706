// One agent, one protocol: the task in a folder of its own, and what is to be seen of it afterwards in the folder, in what the
// agent said, at the simulator and in Sluice's ledger.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { LoggedRequest } from '../../simulator/src/engine/records/request-log.ts';
import type { Protocol, TriedSluice } from '../harness/sluice.ts';
import type { Agent, Task } from './agents.ts';

export interface Finding {
  isWell: boolean;
  /** Answers of the script. */
  turns: number;
  ms: number;
  /** What is wrong, and what the agent said. */
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

/** `ending` says what was wrong with it; null where the agent ended by itself, and well. */
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
    // A group of its own, so that what it has started ends with it.
    detached: true,
  });
  let said = '';
  for (const output of [child.stdout, child.stderr]) output.on('data', (piece: Buffer) => (said += piece.toString()));
  const endGroup = () => {
    try {
      process.kill(-child.pid!, 'SIGKILL');
    } catch {
      // Nobody is left of it.
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
    ...(said.includes(words) ? [] : ['the last words were not shown']),
    ...(silent.length === 0 ? [] : [`turns that were never asked for: ${silent.join(', ')}; aside: ${lastAside}`]),
    ...refusals.map(([kind, times]) => `the provider refused ${times} calls: ${kind}`),
  ];
}

/**
 * A provider's cache holds what a request begins with: each turn begins as the one before, to the byte, but for the marks by
 * which agents say where the cache ends.
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

/** With a mark, a text is a block; without one, Anthropic's SDKs write it bare. */
function withoutMarks(key: string, value: unknown): unknown {
  if (key === 'cache_control') return undefined;
  if (key !== 'content' || typeof value !== 'string') return value;
  return [{ type: 'text', text: value }];
}

/** To the picodollar: what the provider bills for this run is what Sluice has written for it. */
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
