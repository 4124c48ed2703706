// An API and a worker that live in one process: what goes between them need not go over pub/sub. Everything is written to Redis all
// the same, and before it is handed on: whoever misses something here finds it there.
import type { Frame } from './frame.ts';

/** A request that was given to a worker in the step that accepted it (src/api/admit/hand-over.lua). */
export interface HandedOff {
  fence: string;
  /** Null: its limits were full, or nobody asked. */
  permit: { slice: number; isTrial: boolean; limits: string } | null;
  /** JSON. */
  spec: Buffer | string;
  body: Buffer;
}

export interface Neighbours {
  /** Of the process: the worker's, and that of the API's inbox. */
  readonly instanceId: string;
  /** The worker's; null while it takes no requests. */
  receive: ((handed: HandedOff) => void) | null;
  /** The API's; null until it listens. */
  deliver: ((frame: Frame) => void) | null;
}
