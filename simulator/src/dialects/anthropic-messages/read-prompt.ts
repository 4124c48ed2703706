// What a request says before the model answers: the system prompt and the conversation, in the order that the provider wants.
import { checkToolOrder } from './check-tool-order.ts';
import type { ModelTraits } from './model-traits.ts';
import { readBlock } from './read-block.ts';
import { type Body, isAbsent, readList } from './read-fields.ts';
import { readTurns } from './read-turns.ts';
import type { Block, Turn } from './turn.ts';
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
