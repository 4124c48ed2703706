// Direct exchange between an API and a worker in the same process, in place of pub/sub. Everything is still written to Redis, and
// before it is handed over, so that nothing is lost if the direct exchange fails.
import type { Frame } from './frame.ts';

/** A request that was handed to a worker in the step that accepted it (src/api/admit/hand-over.lua). */
export interface HandedOff {
  fence: string;
  /** Null: its limits were full, or no permit was requested. */
  permit: { slice: number; isTrial: boolean; limits: string } | null;
  /** JSON. */
  spec: Buffer | string;
  body: Buffer;
}

export interface Neighbours {
  /** Instance id of the process: the worker's id, and the API's inbox. */
  readonly instanceId: string;
  /** Set by the worker; null while it takes no requests. */
  receive: ((handed: HandedOff) => void) | null;
  /** Set by the API; null until it listens. */
  deliver: ((frame: Frame) => void) | null;
}
