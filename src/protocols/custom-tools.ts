// A tool that takes free text, for providers whose tools are functions: the text is the one argument, `input`.
import type { CustomTool } from '../contracts/inference-request.ts';
import { isGrammar } from './fit-abilities.ts';

export const FREE_TEXT = {
  type: 'object',
  properties: { input: { type: 'string' } },
  required: ['input'],
  additionalProperties: false,
};

/** A grammar can only be described; that it no longer binds is named (fit-abilities.ts). */
export function describeCustom({ description, format }: CustomTool): string | undefined {
  const grammar = isGrammar(format) ? `The input has this format: ${JSON.stringify(format)}` : undefined;
  const words = [description, grammar].filter((text) => text !== undefined).join('\n');
  return words === '' ? undefined : words;
}
