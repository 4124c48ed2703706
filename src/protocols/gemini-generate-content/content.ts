// One turn as Gemini wants it.
import type { JsonObject } from '../codec.ts';

export interface Content {
  role: 'user' | 'model';
  parts: JsonObject[];
}
