// Reads an embeddings request. Bounds: OpenAI's API reference of /v1/embeddings; wordings from recorded answers.

import { createRandom, hashText, nextFraction } from '../../engine/answers/random.ts';
import { type Call, describeTurn } from '../../engine/call.ts';
import { invalid, RefusalError } from '../../engine/refusal.ts';
import type { SpeechOptions, StreamVoice, Voice } from '../dialect.ts';
import { readBody, readModel, unsupported } from '../openai/read-body.ts';
import { type PromptText, readTexts } from '../openai/read-texts.ts';
import { serverError } from '../openai/server-error.ts';
import { type Body, readWholeNumber } from '../read-fields.ts';

const MOST_INPUTS = 2_048;
const MOST_TOKENS_PER_INPUT = 8_192;
const MOST_TOKENS = 300_000;

const DIMENSIONS: Readonly<Record<string, number>> = { 'text-embedding-3-large': 3_072 };
const DEFAULT_DIMENSIONS = 1_536;

export function readEmbeddingsCall(value: unknown): { call: Call; voice: EmbeddingsVoice } {
  const body = readBody(value);
  const model = readModel(body);
  const inputs = readInputs(body);
  const words = inputs.map(({ text }) => text).join('\n');
  const call: Call = {
    model,
    isStream: false,
    promptTokens: countTokens(inputs),
    windowTokens: Math.max(...inputs.map(({ tokens }) => tokens)),
    promptText: describeTurn('user', words),
    // Commands may be in any of the texts.
    lastUserText: words,
    endsWithToolResult: false,
    toolResults: 0,
    prefill: null,
    maxOutputTokens: null,
    choices: 0,
    stop: [],
    seed: null,
    tools: [],
    toolChoice: { mode: 'none', allowed: null },
    isToolUseParallel: true,
    format: { kind: 'text' },
    showsReasoning: false,
  };
  const dimensions = readDimensions(body, model);
  return { call, voice: new EmbeddingsVoice({ model, inputs, dimensions, encoding: readEncoding(body) }) };
}

function readInputs(body: Body): readonly PromptText[] {
  const inputs = readTexts(body, 'input');
  if (inputs.length > MOST_INPUTS) {
    const message = `Invalid 'input': array too long. Expected an array with maximum length ${MOST_INPUTS}, but got an array with length ${inputs.length} instead.`;
    throw invalid(message, 'input', 'array_above_max_length');
  }
  if (inputs.some(({ text }) => text === '')) {
    throw invalid("Invalid 'input': input cannot be an empty string.", 'input', 'empty_string');
  }
  return inputs;
}

function countTokens(inputs: readonly PromptText[]): number {
  let total = 0;
  for (const { tokens } of inputs) {
    total += tokens;
    if (tokens <= MOST_TOKENS_PER_INPUT) continue;
    const limit = MOST_TOKENS_PER_INPUT;
    throw new RefusalError({ kind: 'context_length', limit, promptTokens: tokens, outputTokens: 0 });
  }
  if (total <= MOST_TOKENS) return total;
  const message = `Requested ${total} tokens, max ${MOST_TOKENS} tokens per request`;
  throw invalid(message, null, 'max_tokens_per_request');
}

function readDimensions(body: Body, model: string): number {
  const most = DIMENSIONS[model] ?? DEFAULT_DIMENSIONS;
  const wanted = readWholeNumber(body, 'dimensions', 1, Number.MAX_SAFE_INTEGER);
  if (wanted === null) return most;
  if (model.endsWith('ada-002')) throw invalid('This model does not support specifying dimensions.');
  if (wanted <= most) return wanted;
  throw invalid(`Invalid value for 'dimensions' = ${wanted}. Must be less than or equal to ${most}.`);
}

const ENCODINGS = ['float', 'base64'] as const;

function readEncoding({ encoding_format: format }: Body): EmbeddingsRequest['encoding'] {
  if (format === undefined || format === null) return 'float';
  const known = ENCODINGS.find((encoding) => encoding === format);
  if (known === undefined) throw unsupported(format, 'encoding_format', ENCODINGS);
  return known;
}

// Writes answers as lists of vectors, which are never streamed.

export interface EmbeddingsRequest {
  model: string;
  inputs: readonly PromptText[];
  dimensions: number;
  encoding: 'float' | 'base64';
}

export class EmbeddingsVoice implements Voice {
  readonly wholeContentType = 'application/json';
  readonly streamContentType = 'application/json';
  readonly #request: EmbeddingsRequest;

  constructor(request: EmbeddingsRequest) {
    this.#request = request;
  }

  speakWhole({ identity, answer, showsUsage }: SpeechOptions): string {
    const { model, inputs } = this.#request;
    const { inputTokens } = answer.usage;
    return JSON.stringify({
      object: 'list',
      data: inputs.map(({ text }, index) => ({
        object: 'embedding',
        index,
        embedding: this.#embed(text, identity.seed),
      })),
      model,
      ...(showsUsage ? { usage: { prompt_tokens: inputTokens, total_tokens: inputTokens } } : {}),
    });
  }

  failWhole(): string {
    return JSON.stringify({ error: serverError() });
  }

  /** Never called: no request is read as a stream. */
  speakStream(): StreamVoice {
    throw new Error('embeddings are not streamed');
  }

  #embed(text: string, seed: number): readonly number[] | string {
    const { model, dimensions, encoding } = this.#request;
    const vector = embedText(text, model, seed, dimensions);
    // Little-endian, like every machine that Node.js supports.
    return encoding === 'float' ? [...vector] : Buffer.from(vector.buffer).toString('base64');
  }
}

// A vector for a text: deterministic for text and model, different from all others, and of length one. Its distance to other
// vectors has no meaning.

/** Rounded so that both encodings give the same value. A shorter vector is the normalised beginning of a longer one. */
export function embedText(text: string, model: string, seed: number, dimensions: number): Float32Array {
  const random = createRandom(hashText(`${model} ${text}`, seed));
  const vector = Float64Array.from({ length: dimensions }, () => nextFraction(random) - 0.5);
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
  return Float32Array.from(vector, (value) => value / length);
}
