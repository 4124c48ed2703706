// What the voice remembers of a generateContent request.

export interface GeminiRequest {
  model: string;
  /** `unary`: one object. `sse`: events with data only. `array`: one JSON array, element by element. */
  delivery: 'unary' | 'sse' | 'array';
  /** Issuer of signatures; null if the model does not sign. */
  issuer: string | null;
  /** Of the prompt's tokens. */
  promptImageTokens: number;
}
