// The conversation of a generateContent request in the engine's words, written as read-conversation.ts of chat writes it:
// function responses are turns of their own, thoughts are not part of it.
import { type Call, describeTurn } from '../../engine/call.ts';
import type { Body } from './read-fields.ts';
import { type Part, partsWith, type Turn, textsOf } from './turn.ts';

type Conversation = Pick<Call, 'promptText' | 'lastUserText' | 'endsWithToolResult' | 'prefill'>;

export function readConversation(system: readonly Part[], turns: readonly Turn[]): Conversation {
  const last = turns.at(-1)!;
  const hasPrefill = last.role === 'model';
  const prompt = hasPrefill ? turns.slice(0, -1) : turns;
  const lastSpoken = prompt.findLast(({ role, parts }) => role === 'user' && textsOf(parts) !== '');
  const instructions = system.length === 0 ? '' : describeTurn('system', textsOf(system));
  return {
    promptText: instructions + prompt.map(describe).join(''),
    lastUserText: lastSpoken === undefined ? '' : textsOf(lastSpoken.parts),
    endsWithToolResult: !hasPrefill && last.parts.every(({ body }) => 'functionResponse' in body),
    prefill: hasPrefill ? textsOf(last.parts) : null,
  };
}

function describe(turn: Turn): string {
  const responses = partsWith(turn, 'functionResponse').map(({ body }) =>
    describeTurn('tool', textOfResponse((body.functionResponse as Body).response as Body)),
  );
  const others = turn.parts.filter(({ body }) => !('functionResponse' in body));
  if (others.length === 0) return responses.join('');
  const role = turn.role === 'model' ? 'assistant' : 'user';
  return responses.join('') + describeTurn(role, others.map(describePart).join(''));
}

/** Without signatures and the ids of calls: they differ from provider to provider, and the answer must not. */
function describePart({ body }: Part): string {
  if (typeof body.text === 'string') return body.thought === true ? '' : body.text;
  if (body.functionCall !== undefined) {
    const { name, args } = body.functionCall as Body;
    return `[${name} ${JSON.stringify(args ?? {})}]`;
  }
  const { thoughtSignature: _, ...rest } = body;
  return Object.keys(rest).length === 0 ? '' : `[${Object.keys(rest)[0]} ${JSON.stringify(rest).length}]`;
}

/** Text that another protocol would give as it is stands in `output`. */
function textOfResponse(response: Body): string {
  const [[key, value] = [], ...more] = Object.entries(response);
  const isText = more.length === 0 && typeof value === 'string' && (key === 'output' || key === 'result');
  return isText ? (value as string) : JSON.stringify(response);
}
