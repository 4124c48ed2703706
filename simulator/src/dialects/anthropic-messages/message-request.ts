// What the voice remembers of a Messages request.
import type { CacheLifetime } from './measure-prompt.ts';
import type { Version } from './versions.ts';

export interface MessageRequest {
  model: string;
  version: Version;
  isStream: boolean;
  maxTokens: number;
  /** Whether thoughts are blocks of the answer, even if their text is not shown. */
  hasThoughts: boolean;
  cacheLifetime: CacheLifetime;
}
