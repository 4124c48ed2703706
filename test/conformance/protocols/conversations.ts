// Conversations made up by fast-check: what every protocol can say, in the order in which every protocol allows it.
import * as fc from 'fast-check';
import type { AnswerEvent, FinishReason } from '#src/contracts/answer.ts';
import type {
  FunctionTool,
  ImagePart,
  InferenceRequest,
  Part,
  ReasoningPart,
  Signature,
  TextPart,
  ToolCallPart,
  ToolResultPart,
  Turn,
} from '#src/contracts/inference-request.ts';
import { NO_USAGE } from '#src/contracts/usage.ts';

/** Not empty, and not white space alone, which some providers refuse. Lone surrogates are no text: JSON cannot send them. */
export const words = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 24 })
  .filter((text) => text.trim() !== '' && text.isWellFormed());

const callArguments = fc
  .dictionary(
    fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 8 }).filter(isPlainKey),
    fc.jsonValue({ maxDepth: 2 }),
    { maxKeys: 3 },
  )
  .map((value) => JSON.stringify(value));

/** JSON objects cannot hold the one, and put the others first. */
function isPlainKey(key: string): boolean {
  return key !== '__proto__' && !/^\d+$/.test(key);
}

const toolName = fc.stringMatching(/^[a-z][a-z0-9_]{0,10}$/).filter((name) => !name.includes('_x'));

const tool: fc.Arbitrary<FunctionTool> = fc.record({
  kind: fc.constant('function' as const),
  name: toolName,
  description: words,
  parameters: fc.constant({ type: 'object', properties: { city: { type: 'string' } } }),
});

const base64 = fc.uint8Array({ minLength: 1, maxLength: 12 }).map((bytes) => Buffer.from(bytes).toString('base64'));

const image: fc.Arbitrary<ImagePart> = base64.map((data) => ({
  kind: 'image',
  source: { kind: 'base64', mediaType: 'image/png', data },
}));

const text: fc.Arbitrary<TextPart> = words.map((said) => ({ kind: 'text', text: said }));

const signature = fc.record({
  origin: fc.constantFrom<Signature['origin'][]>('anthropic-messages', 'gemini-generate-content', 'openai-responses'),
  value: base64,
});

const thought: fc.Arbitrary<ReasoningPart> = fc.record({
  kind: fc.constant('reasoning' as const),
  text: words,
  signature,
});

/** The user asks; the assistant thinks, answers, or calls tools and gets their results; the user has the last word. */
export const conversation: fc.Arbitrary<InferenceRequest> = fc
  .record({
    system: fc.option(words, { nil: undefined }),
    tools: fc.uniqueArray(tool, { minLength: 1, maxLength: 3, selector: ({ name }) => name }),
    rounds: fc.array(
      fc.record({
        asked: fc.array(fc.oneof({ weight: 3, arbitrary: text }, { weight: 1, arbitrary: image }), {
          minLength: 1,
          maxLength: 3,
        }),
        thought: fc.option(thought, { nil: undefined }),
        said: fc.option(text, { nil: undefined }),
        calls: fc.array(fc.tuple(fc.nat(), callArguments, words, fc.boolean()), { maxLength: 3 }),
      }),
      { maxLength: 3 },
    ),
    last: text,
  })
  .map(({ system, tools, rounds, last }) => {
    let ids = 0;
    const turns: Turn[] = system === undefined ? [] : [{ role: 'system', parts: [{ kind: 'text', text: system }] }];
    for (const round of rounds) {
      turns.push({ role: 'user', parts: round.asked });
      const calls: ToolCallPart[] = round.calls.map(([which, given]) => ({
        kind: 'tool-call',
        id: `call_${ids++}`,
        name: tools[which % tools.length]!.name,
        arguments: given,
      }));
      const said: Part[] = [
        ...(round.thought === undefined ? [] : [round.thought]),
        ...(round.said === undefined && calls.length > 0 ? [] : [round.said ?? { kind: 'text', text: 'Yes.' }]),
        ...calls,
      ];
      turns.push({ role: 'assistant', parts: said });
      const results: ToolResultPart[] = round.calls.map(([, , result, isError], at) => ({
        kind: 'tool-result',
        callId: calls[at]!.id,
        name: calls[at]!.name,
        parts: [{ kind: 'text', text: result }],
        ...(isError ? { isError } : {}),
      }));
      if (results.length > 0) turns.push({ role: 'user', parts: results });
    }
    turns.push({ role: 'user', parts: [last] });
    return { turns, tools, sampling: {}, unmapped: {} };
  });

const answerPart: fc.Arbitrary<Part> = fc.oneof(
  text,
  thought,
  fc.record({ kind: fc.constant('tool-call' as const), id: fc.constant(''), name: toolName, arguments: callArguments }),
  image,
  words.map((said) => ({ kind: 'refusal' as const, text: said })),
);

/** Any answer of one choice: its events, with every text in pieces. */
export const answerEvents: fc.Arbitrary<AnswerEvent[]> = fc
  .record({
    parts: fc.array(answerPart, { maxLength: 5 }),
    cuts: fc.array(fc.nat({ max: 23 }), { minLength: 5, maxLength: 5 }),
    reason: fc.constantFrom<FinishReason[]>('stop', 'length', 'content-filter', 'tool-calls'),
  })
  .map(({ parts, cuts, reason }) => [
    { kind: 'answer-start', id: 'answer', model: 'model' },
    ...parts.flatMap((part, at) => eventsOf(part, at, cuts[at]!)),
    { kind: 'usage', usage: { ...NO_USAGE, inputTokens: 3, outputTokens: 5 } },
    { kind: 'finish', choice: 0, reason },
    { kind: 'end' },
  ]);

function eventsOf(part: Part, number: number, cut: number): AnswerEvent[] {
  const at = { choice: 0, part: number };
  switch (part.kind) {
    case 'text':
    case 'refusal':
    case 'reasoning':
      return [
        { kind: 'part-start', ...at, start: { kind: part.kind } },
        ...deltas(part.text, cut).map((delta): AnswerEvent => ({ kind: 'part-delta', ...at, delta })),
        { kind: 'part-end', ...at, ...('signature' in part && part.signature ? { signature: part.signature } : {}) },
      ];
    case 'tool-call':
      return [
        { kind: 'part-start', ...at, start: { kind: 'tool-call', id: `call_${number}`, name: part.name } },
        ...deltas(part.arguments, cut).map((delta): AnswerEvent => ({ kind: 'part-delta', ...at, delta })),
        { kind: 'part-end', ...at },
      ];
    default:
      return [{ kind: 'part-whole', ...at, value: part }];
  }
}

/** In two pieces; a character outside the basic plane stays whole. */
function deltas(text: string, cut: number): string[] {
  const characters = [...text];
  const at = cut % (characters.length + 1);
  return [characters.slice(0, at).join(''), characters.slice(at).join('')].filter((piece) => piece !== '');
}
