// The prompt of a request: the system prompt and the conversation, in the order that the provider requires.
import type { ModelTraits } from './model-traits.ts';
import { readBlock } from './read-block.ts';
import { type Body, isAbsent, readList, refuse } from './read-fields.ts';
import { readTurns } from './read-turns.ts';
import { type Block, blocksOf, type Turn } from './turn.ts';
import type { Version } from './versions.ts';

export interface Prompt {
  system: readonly Block[];
  turns: readonly Turn[];
}

export function readPrompt(body: Body, traits: ModelTraits, version: Version): Prompt {
  const system = readSystem(body, version);
  const turns = readTurns(body, traits, version);
  checkToolOrder(turns);
  return { system, turns };
}

function readSystem({ system }: Body, version: Version): readonly Block[] {
  if (isAbsent(system) || system === '') return [];
  if (typeof system === 'string') {
    return [{ type: 'text', body: { type: 'text', text: system }, path: 'system.0' }];
  }
  return readList(system, 'system').map((block, index) =>
    readBlock(block, { path: `system.${index}`, role: 'system', version }),
  );
}

// Every tool call must be answered in the next user turn, before any other content.

export function checkToolOrder(turns: readonly Turn[]): void {
  const called = new Set<string>();
  for (const [index, turn] of turns.entries()) {
    checkUnique(blocksOf(turn, 'tool_use'), called);
    checkResults(turn, turns[index - 1]);
    checkAnswered(turn, turns[index + 1]);
  }
}

function checkUnique(calls: readonly Block[], called: Set<string>): void {
  for (const { body } of calls) {
    if (called.has(String(body.id))) refuse('messages', `\`tool_use\` ids must be unique: ${body.id}`);
    called.add(String(body.id));
  }
}

function checkResults(turn: Turn, before: Turn | undefined): void {
  const callIds = new Set(blocksOf(before, 'tool_use').map(({ body }) => body.id));
  for (const { body, path } of blocksOf(turn, 'tool_result')) {
    if (callIds.delete(body.tool_use_id)) continue;
    refuse(
      path,
      `unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${body.tool_use_id}. Each \`tool_result\` block must ` +
        'have a corresponding `tool_use` block in the previous message.',
    );
  }
}

/** A result after other content counts as missing; the provider reports both with the same message. */
function checkAnswered(turn: Turn, after: Turn | undefined): void {
  const blocks = after?.blocks ?? [];
  const others = blocks.findIndex(({ type }) => type !== 'tool_result');
  const first = others < 0 ? blocks : blocks.slice(0, others);
  const answered = new Set(first.map(({ body }) => body.tool_use_id));
  const open = blocksOf(turn, 'tool_use').filter(({ body }) => !answered.has(body.id));
  if (open.length === 0) return;
  refuse(
    turn.path,
    `\`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${open.map(({ body }) => body.id).join(', ')}. ` +
      'Each `tool_use` block must have a corresponding `tool_result` block in the next message.',
  );
}
