// OpenAI's older completions, the provider's side, for clients that still use them.

import type { Usage } from '../../../../src/contracts/usage.ts';
import type { AnswerChoice } from '../../engine/answers/answer.ts';
import { type Call, describeTurn } from '../../engine/call.ts';
import type { CallRoute, Dialect, Identity, SpeechOptions, StreamVoice, Voice } from '../dialect.ts';
import { openaiHeaders, readBearer } from '../openai/headers.ts';
import { readBody, readModel, readStreamOptions } from '../openai/read-body.ts';
import { readStop } from '../openai/read-stop.ts';
import { readTexts } from '../openai/read-texts.ts';
import { encodeOpenaiRefusal } from '../openai/refusals.ts';
import { serverError } from '../openai/server-error.ts';
import { createdAt, fingerprint, writeUsage } from '../openai-chat/chat-fields.ts';
import { readBoolean, readWholeNumber } from '../read-fields.ts';

const completions: CallRoute = { kind: 'call', read: readCompletionsCall };

export const openaiCompletionsDialect: Dialect = {
  name: 'openai-completions',
  route: ({ method, path }) => (method === 'POST' && path === '/v1/completions' ? completions : null),
  readCredential: readBearer,
  encodeRefusal: encodeOpenaiRefusal,
  answerHeaders: openaiHeaders,
};

// Reads a request of the older completions: a prompt without roles, treated as one user message.

const MOST_CHOICES = 128;
/** Unlike in other protocols, answers are short unless the request allows more. */
const DEFAULT_MAX_TOKENS = 16;

export function readCompletionsCall(value: unknown): { call: Call; voice: CompletionsVoice } {
  const body = readBody(value);
  const model = readModel(body);
  const prompts = readTexts(body, 'prompt');
  const words = prompts.map(({ text }) => text).join('\n');
  const isStream = readBoolean(body, 'stream') ?? false;
  const options = readStreamOptions(body, isStream);
  const perPrompt = readWholeNumber(body, 'n', 1, MOST_CHOICES) ?? 1;
  const call: Call = {
    model,
    isStream,
    promptTokens: prompts.reduce((sum, { tokens }) => sum + tokens, 0),
    promptText: describeTurn('user', words),
    lastUserText: words,
    endsWithToolResult: false,
    toolResults: 0,
    prefill: null,
    maxOutputTokens: readWholeNumber(body, 'max_tokens', 0, Number.MAX_SAFE_INTEGER) ?? DEFAULT_MAX_TOKENS,
    choices: prompts.length * perPrompt,
    stop: readStop(body),
    seed: typeof body.seed === 'number' ? body.seed : null,
    tools: [],
    toolChoice: { mode: 'none', allowed: null },
    isToolUseParallel: true,
    format: { kind: 'text' },
    showsReasoning: false,
  };
  return { call, voice: new CompletionsVoice({ model, wantsUsage: options.include_usage === true }) };
}

// Answers as text completions, streamed and not: the same object, whole or in pieces.

export interface CompletionsRequest {
  model: string;
  /** `stream_options.include_usage`. */
  wantsUsage: boolean;
}

export class CompletionsVoice implements Voice {
  readonly wholeContentType = 'application/json';
  readonly streamContentType = 'text/event-stream; charset=utf-8';
  readonly #request: CompletionsRequest;

  constructor(request: CompletionsRequest) {
    this.#request = request;
  }

  speakWhole({ identity, answer, showsUsage }: SpeechOptions): string {
    const choices = answer.choices.map((choice, index) => writePiece(index, textOf(choice), finishOf(choice)));
    const usage = showsUsage ? { usage: writeUsage(answer.usage) } : {};
    return JSON.stringify({ ...this.#head(identity), choices, ...usage });
  }

  speakStream({ identity, answer, showsUsage }: SpeechOptions): StreamVoice {
    const head = this.#head(identity);
    const wantsUsage = this.#request.wantsUsage && showsUsage;
    const event = (choices: readonly object[], usage: Usage | null = null) =>
      `data: ${JSON.stringify({ ...head, choices, ...(wantsUsage ? { usage: usage && writeUsage(usage) } : {}) })}\n\n`;
    return {
      open: () => '',
      step: ({ choice, part, text }) => (part.kind === 'text' ? event([writePiece(choice, text, null)]) : ''),
      close: (served) =>
        answer.choices.map((choice, index) => event([writePiece(index, '', finishOf(choice))])).join('') +
        (wantsUsage ? event([], served) : ''),
      terminate: () => 'data: [DONE]\n\n',
      fail: () => `data: ${this.failWhole()}\n\n`,
      babble: () => 'data: {"id":"cmpl-broken","object":"text_comp\n\n',
      pause: () => ': keep-alive\n\n',
    };
  }

  failWhole(): string {
    return JSON.stringify({ error: serverError() });
  }

  #head(identity: Identity) {
    return {
      id: `cmpl-${identity.unique}`,
      object: 'text_completion',
      created: createdAt(identity),
      model: this.#request.model,
      system_fingerprint: fingerprint(identity),
    };
  }
}

function writePiece(index: number, text: string, finish: string | null) {
  return { text, index, logprobs: null, finish_reason: finish };
}

function textOf({ parts }: AnswerChoice): string {
  return parts.map((part) => (part.kind === 'text' ? part.text : '')).join('');
}

/** This protocol has no tools, so `tool_calls` cannot occur. */
function finishOf({ finish }: AnswerChoice): string {
  return finish === 'tool_calls' ? 'stop' : finish;
}
