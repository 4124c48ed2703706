// What the voice remembers of a Responses request.
import type { Echo } from './echo-request.ts';

export interface ResponsesRequest {
  echo: Echo;
  providerName: string;
  /** Whether deltas are padded with random text that hides their length. */
  padsDeltas: boolean;
}
