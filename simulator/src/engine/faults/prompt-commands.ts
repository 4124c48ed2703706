// Commands in a prompt, for people who test through a whole stack and reach the provider only by the prompt:
// `[[sim tokens=60 pace=10 fault=cut@40]]` anywhere in the last user message, several times if need be.
import { type BatchFault, readBatchFault } from '../batches/batch-fault.ts';
import type { PromptFaults } from './fault-book.ts';
import { readFaults } from './fault-rule.ts';
import { MAX_WAIT_MS } from './fault-table.ts';
import { readNumber, readSettings, readWhole, type Setting } from './settings-text.ts';

export interface PromptCommands {
  tokens?: number;
  paceMs?: number;
  firstTokenMs?: number;
  cachedTokens?: number;
  reasoningTokens?: number;
  /** Shows reasoning to the client, if the protocol can. */
  showsReasoning?: boolean;
  /** The answer is a refusal of this many tokens. */
  refusalTokens?: number;
  /** Tools to call, in this order. */
  toolNames?: readonly string[];
  /** The script that applies to this conversation, regardless of its model. */
  scriptName?: string;
  /** Fault of the batch that this line belongs to. */
  batchFault?: BatchFault;
  faults: PromptFaults[];
}

/** The longest answer that can be requested: four million bytes. */
export const MAX_ANSWER_TOKENS = 1_000_000;

const BLOCK = /\[\[sim\s+([^\]]*)\]\]/g;
const NO_COMMANDS: PromptCommands = Object.freeze({ faults: [] });

type Command = (commands: PromptCommands, value: string, faults: PromptFaults) => void;

const COMMANDS: Readonly<Record<string, Command>> = {
  tokens(commands, value) {
    commands.tokens = readUpTo('tokens', value, MAX_ANSWER_TOKENS);
  },
  pace(commands, value) {
    commands.paceMs = Math.min(MAX_WAIT_MS, readNumber('pace', value));
  },
  first(commands, value) {
    commands.firstTokenMs = Math.min(MAX_WAIT_MS, readNumber('first', value));
  },
  cached(commands, value) {
    commands.cachedTokens = readWhole('cached', value);
  },
  reasoning(commands, value) {
    commands.reasoningTokens = readUpTo('reasoning', value, MAX_ANSWER_TOKENS);
  },
  thoughts(commands, value) {
    if (value !== 'shown' && value !== 'hidden') throw new RangeError('"thoughts" must be shown or hidden');
    commands.showsReasoning = value === 'shown';
  },
  refusal(commands, value) {
    commands.refusalTokens = readUpTo('refusal', value, MAX_ANSWER_TOKENS);
  },
  tool(commands, value) {
    commands.toolNames = value.split(',');
  },
  script(commands, value) {
    commands.scriptName = value;
  },
  batch(commands, value) {
    commands.batchFault = readBatchFault(value);
  },
  fault(_, value, faults) {
    faults.faults = [...faults.faults, ...readFaults(value)];
  },
  times(_, value, faults) {
    faults.times = readWhole('times', value);
  },
  /** Read before the others, see `isFor`. */
  on() {},
};

/** For listing them. */
export const COMMAND_NAMES: readonly string[] = Object.keys(COMMANDS);

function readUpTo(name: string, text: string, most: number): number {
  const value = readWhole(name, text);
  if (value > most) throw new RangeError(`"${name}" must be at most ${most}`);
  return value;
}

/** Throws a RangeError whose message is for the user. @param simulatorName this simulator; blocks may be addressed to another. */
export function readPromptCommands(text: string, simulatorName: string): PromptCommands {
  if (!text.includes('[[sim')) return NO_COMMANDS;
  const commands: PromptCommands = { faults: [] };
  for (const [, block] of text.matchAll(BLOCK)) {
    const settings = readSettings(block!);
    if (isFor(settings, simulatorName)) applyBlock(commands, settings);
  }
  return commands;
}

/** `on=name` keeps a block for the simulator of that name: one prompt can fail at one provider and pass at the next. */
function isFor(settings: readonly Setting[], simulatorName: string): boolean {
  return settings.every(({ key, value }) => key !== 'on' || value.split(',').includes(simulatorName));
}

function applyBlock(commands: PromptCommands, settings: readonly Setting[]): void {
  const own: PromptFaults = { faults: [], times: null };
  for (const { key, value } of settings) {
    const command = key === null ? undefined : COMMANDS[key];
    if (command === undefined) {
      const known = COMMAND_NAMES.join(', ');
      throw new RangeError(`Unknown simulator command "${key ?? value}"; known: ${known}.`);
    }
    command(commands, value, own);
  }
  if (own.faults.length > 0) commands.faults.push(own);
}

/** Removes commands from a text that is to be echoed. */
export function withoutCommands(text: string): string {
  return text.replace(BLOCK, '').trim();
}
