// Answers as lists of vectors. There is nothing to stream.
import type { SpeechOptions, StreamVoice, Voice } from '../dialect.ts';
import type { PromptText } from '../openai/read-texts.ts';
import { serverError } from '../openai/server-error.ts';
import { embedText } from './embed-text.ts';

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

  /** Never asked for: no call is read as a stream. */
  speakStream(): StreamVoice {
    throw new Error('embeddings are not streamed');
  }

  #embed(text: string, seed: number): readonly number[] | string {
    const { model, dimensions, encoding } = this.#request;
    const vector = embedText(text, model, seed, dimensions);
    // Little-endian, as every machine that runs Node is.
    return encoding === 'float' ? [...vector] : Buffer.from(vector.buffer).toString('base64');
  }
}
