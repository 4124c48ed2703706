// Asking in Gemini's protocol, and reading its streams as far as they go.
import { SseSplitter } from '../../../src/protocols/wire/sse-splitter.ts';
import type { Simulator } from '../../src/simulator.ts';
import { ask, type Heard, type Wanted } from './client.ts';

export type Delivery = 'unary' | 'sse' | 'array';

const METHODS: Record<Delivery, string> = {
  unary: 'generateContent',
  sse: 'streamGenerateContent?alt=sse',
  array: 'streamGenerateContent',
};

/** Body of a generateContent request with one user content. */
export function content(text: string, more: object = {}) {
  return { contents: [{ role: 'user', parts: [{ text }] }], ...more };
}

/** A model that thinks only on request, and signs nothing. */
export const PLAIN_MODEL = 'gemini-2.0-flash';

export function contentsRequest(body: unknown, delivery: Delivery = 'unary', model = PLAIN_MODEL): Wanted {
  return { path: `/v1beta/models/${model}:${METHODS[delivery]}`, body };
}

export function askContents(simulator: Simulator, body: unknown, delivery?: Delivery, model?: string): Promise<Heard> {
  return ask(simulator, contentsRequest(body, delivery, model));
}

export interface Response {
  candidates?: {
    content?: { role: string; parts?: ResponsePart[] };
    finishReason?: string;
    index: number;
    safetyRatings?: object[];
  }[];
  promptFeedback?: { blockReason: string };
  usageMetadata?: Record<string, number> & { promptTokensDetails?: object[] };
  responseId?: string;
  error?: {
    code: number;
    status: string;
    message: string;
    details?: ({ '@type': string } & Record<string, unknown>)[];
  };
}

export interface ResponsePart {
  text?: string;
  thought?: boolean;
  thoughtSignature?: string;
  functionCall?: { name: string; args: object; id?: string };
  inlineData?: { mimeType: string; data: string };
}

/** The responses in a stream of events, for any split of the bytes. */
export function responsesOf(pieces: readonly Buffer[]): Response[] {
  const splitter = new SseSplitter();
  return pieces
    .flatMap((piece) => splitter.push(piece))
    .flatMap(({ data, name }) => {
      if (name !== null) throw new Error(`Gemini names no events, but this one is "${name}"`);
      return data === null ? [] : [JSON.parse(data) as Response];
    });
}

export function partsOf(responses: readonly Response[], candidate = 0): ResponsePart[] {
  return responses
    .flatMap(({ candidates }) => candidates ?? [])
    .filter(({ index }) => index === candidate)
    .flatMap((found) => found.content?.parts ?? []);
}

export function textOfResponses(responses: readonly Response[], candidate = 0): string {
  return partsOf(responses, candidate)
    .map(({ text, thought }) => (thought ? '' : (text ?? '')))
    .join('');
}
