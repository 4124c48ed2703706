// What a client can see of an answer: each protocol lacks something, and this file lists what. Signatures that a protocol
// carries in its own members are checked in signatures.test.ts.
import type { AnswerChoice, FinishReason } from '#src/contracts/answer.ts';
import type { Part, TextPart } from '#src/contracts/inference-request.ts';
import { describeMedia } from '#src/protocols/anthropic-messages/answer/encode-answer.ts';
import { unwrapSignature } from '#src/protocols/translate/signatures.ts';
import type { CanonicalAnswer } from './canonical-answers.ts';
import type { ClientName } from './protocols.ts';

/** An answer as a client of this protocol sees it. */
export function seenBy(client: ClientName, answer: CanonicalAnswer): CanonicalAnswer {
  return SEEN_BY[client](answer);
}

const SEEN_BY: Record<ClientName, (answer: CanonicalAnswer) => CanonicalAnswer> = {
  'openai-chat': seenByChat,
  'openai-completions': seenByCompletions,
  'openai-responses': seenByResponses,
  'anthropic-messages': seenByAnthropic,
  'gemini-generate-content': seenByGemini,
  'gemini-generate-content-array': seenByGemini,
};

function seenByChat(answer: CanonicalAnswer): CanonicalAnswer {
  const choices = answer.choices.map((choice) => ({
    ...withoutStopSequence(choice),
    finishReason: unpaused(choice.finishReason),
    parts: choice.parts.filter(isOpenThought).map(withoutQuote).map(withoutThoughtProof),
  }));
  return { ...answer, choices };
}

/** One text. */
function seenByCompletions({ choices, usage }: CanonicalAnswer): CanonicalAnswer {
  const seen = choices.map(({ index, parts, finishReason }): AnswerChoice => {
    const text = parts.map((part) => (part.kind === 'text' || part.kind === 'refusal' ? part.text : '')).join('');
    const isCall = finishReason === 'tool-calls' || finishReason === 'pause';
    return { index, parts: text === '' ? [] : [{ kind: 'text', text }], finishReason: isCall ? 'stop' : finishReason };
  });
  return { choices: seen, usage };
}

/** One answer per request, and a tier always. */
function seenByResponses(answer: CanonicalAnswer): CanonicalAnswer {
  const choices = answer.choices.slice(0, 1).map((choice) => ({
    ...withoutStopSequence(choice),
    finishReason: unpaused(choice.finishReason),
    parts: choice.parts.filter(isOpenThought).map(withoutQuote).map(withoutPartProof),
  }));
  return { serviceTier: 'default', ...answer, choices };
}

/** Pictures are texts, custom calls are functions, a refusal ends the answer. */
function seenByAnthropic(answer: CanonicalAnswer): CanonicalAnswer {
  const choices = answer.choices.slice(0, 1).map((choice): AnswerChoice => {
    const { logProbabilities: _unseen, ...seen } = choice;
    const isRefused = choice.parts.some((part) => part.kind === 'refusal');
    return {
      ...seen,
      finishReason: isRefused ? 'content-filter' : choice.finishReason,
      parts: choice.parts.map(asFunction).map(asLink).map(withoutPartProof).map(withoutId),
    };
  });
  return { ...answer, choices };
}

/** A refusal is a text, and a citation belongs to the whole answer. Writes to a cache are not billed. */
function seenByGemini(answer: CanonicalAnswer): CanonicalAnswer {
  const choices = answer.choices.map((choice) => ({
    ...withoutStopSequence(choice),
    finishReason: unpaused(choice.finishReason),
    parts: choice.parts.filter(isOpenThought).map(asFunction).map(asText).map(quoted).map(withoutId),
  }));
  return { ...answer, choices, usage: { ...answer.usage, cacheWriteTokens: 0 } };
}

function withoutStopSequence({ stopSequence: _unseen, ...choice }: AnswerChoice): AnswerChoice {
  return choice;
}

function unpaused(reason: FinishReason): FinishReason {
  return reason === 'pause' ? 'stop' : reason;
}

function isOpenThought(part: Part): boolean {
  return part.kind !== 'reasoning' || part.isRedacted !== true;
}

function asFunction(part: Part): Part {
  if (part.kind !== 'tool-call' || part.isCustom !== true) return part;
  const { isCustom: _custom, ...call } = part;
  return { ...call, arguments: JSON.stringify({ input: part.arguments }) };
}

function asLink(part: Part): Part {
  return part.kind === 'image' ? { kind: 'text', text: describeMedia(part) } : part;
}

function asText(part: Part): Part {
  return part.kind === 'refusal' ? { kind: 'text', text: part.text } : part;
}

function withoutQuote(part: Part): Part {
  return withCitations(part, ({ citedText: _unseen, ...citation }) => citation);
}

function quoted(part: Part): Part {
  return withCitations(part, (citation, { text }) => ({
    ...citation,
    citedText: text.slice(citation.startIndex, citation.endIndex),
  }));
}

type Citation = NonNullable<TextPart['citations']>[number];

function withCitations(part: Part, change: (citation: Citation, part: TextPart) => Citation): Part {
  if (part.kind !== 'text' || part.citations === undefined) return part;
  return { ...part, citations: part.citations.map((citation) => change(citation, part)) };
}

function withoutThoughtProof(part: Part): Part {
  return part.kind === 'reasoning' ? { kind: 'reasoning', text: part.text } : part;
}

function withoutPartProof(part: Part): Part {
  if (part.kind === 'reasoning' || !('signature' in part)) return part;
  const { signature: _carried, ...seen } = part;
  return seen;
}

function withoutId(part: Part): Part {
  if (part.kind !== 'reasoning') return part;
  const { id: _id, ...seen } = part;
  return seen;
}

/** Of what was read: wrapped signatures opened, the parts that are nothing but one left out, ids of items as they were. */
export function unwrapped(client: ClientName, choices: readonly AnswerChoice[]): AnswerChoice[] {
  return choices.map((choice) => ({
    ...choice,
    ...(choice.logProbabilities === undefined ? {} : { logProbabilities: choice.logProbabilities.map(withoutBytes) }),
    parts: choice.parts.map(unwrapPart).filter((part) => !isCarrier(client, part)),
  }));
}

function unwrapPart(part: Part): Part {
  if (part.kind !== 'reasoning' || part.signature === undefined) return part;
  const inner = unwrapSignature(part.signature.value.replace(/\..*$/, ''));
  if (inner === null) return part;
  const { signature: _wrapped, id: _made, ...thought } = part;
  return inner.value === '' ? thought : { ...thought, signature: inner };
}

/** Anthropic's own redacted thoughts have no text either. */
function isCarrier(client: ClientName, part: Part): boolean {
  if (part.kind !== 'reasoning' || part.text !== '') return false;
  return client !== 'anthropic-messages' || part.isRedacted !== true;
}

type Token = NonNullable<AnswerChoice['logProbabilities']>[number];

/** Some providers leave them out; they contain nothing that the token does not. */
export function withoutBytes({ bytes: _bytes, alternatives, ...token }: Token): Token {
  return { ...token, alternatives: alternatives.map(({ bytes: _others, ...alternative }) => alternative) };
}
