// What the voice remembers of a generateContent request.

export interface GeminiRequest {
  model: string;
  /** `unary`: one object. `sse`: events with data only. `array`: one JSON array, element by element. */
  delivery: 'unary' | 'sse' | 'array';
  /** Who signs; null where the model signs nothing. */
  issuer: string | null;
  /** Of the prompt's tokens. */
  promptImageTokens: number;
}
