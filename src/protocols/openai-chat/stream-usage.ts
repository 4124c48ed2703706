import type { Usage } from '../../contracts/usage.ts';
import type { SseEvent } from '../wire/sse-splitter.ts';
import type { ChatChunk } from './chunk.ts';

/** How the usage of one pass-through stream is shown (relay-usage.ts). */
export interface StreamUsage {
  /** `usage`: of the answer so far. The chunk as the client gets it, with what was held back before it; null for nothing. */
  relay(event: SseEvent, chunk: ChatChunk, isFinished: boolean, usage: Usage): Buffer | null;
  /** What stands between the last chunk and `[DONE]`. */
  end(usage: Usage): Buffer | null;
}
