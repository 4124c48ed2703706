// POST /v1/messages/count_tokens: the prompt tokens that the same request would be billed for.
import { RefusalError } from '../../engine/refusal.ts';
import type { EncodedAnswer, LookupContext, LookupRoute } from '../dialect.ts';
import { measurePrompt } from './measure-prompt.ts';
import { traitsOf } from './model-traits.ts';
import { readStrictObject, readText } from './read-fields.ts';
import { readPrompt } from './read-prompt.ts';
import { readTools } from './read-tools.ts';
import { checkBetas, readVersion } from './versions.ts';

/** What would shape only the answer is refused here, `max_tokens` first of all. */
const MEMBERS = new Set(
  (
    'model messages system tools tool_choice thinking output_config cache_control speed context_management mcp_servers ' +
    'thread compaction'
  ).split(' '),
);

export const countTokens: LookupRoute = { kind: 'lookup', answer: count };

function count({ head, body: text }: LookupContext): EncodedAnswer {
  const version = readVersion(head);
  checkBetas(head);
  const body = readStrictObject(parse(text), '', MEMBERS);
  const { system, turns } = readPrompt(body, traitsOf(readText(body.model, 'model')), version);
  readTools(body);
  const { promptTokens } = measurePrompt(body, system, turns);
  const headers = ['content-type', 'application/json'];
  return { status: 200, headers, body: JSON.stringify({ input_tokens: promptTokens }) };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new RefusalError({ kind: 'body_malformed' });
  }
}
