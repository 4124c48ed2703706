// The combined effect of one call's faults. Filled in by the table of faults (fault-table.ts), carried out by serving/.
import type { Refusal } from '../refusal.ts';

/**
 * How a streamed answer ends too early; for unstreamed answers see perform-whole.ts.
 * - `cut`: the connection is closed without the end of the HTTP message, after the tokens were delivered.
 * - `reset`: the same with a TCP reset.
 * - `end`: the HTTP message ends properly, but the answer is incomplete.
 * - `stall`: nothing more comes; the connection stays open.
 * - `malformed`: an event that cannot be parsed, then `end`.
 * - `error`: an error event of the protocol, then `end`.
 * - `failed`: the answer reports its own failure, if the protocol can express that; else like `error`.
 */
export type BreakKind = 'cut' | 'reset' | 'end' | 'stall' | 'malformed' | 'error' | 'failed';

/** What is sent with status 200 (or 502) in place of an answer. */
export type FalseBody = 'empty' | 'garbage' | 'plain_text' | 'html_page';

export interface FaultPlan {
  /** Names of the faults, for the records. */
  names: string[];
  refusal: Refusal | null;
  /** The connection is reset, or held in silence, before any answer. */
  connection: 'reset' | 'silence' | null;
  falseBody: FalseBody | null;
  break: { kind: BreakKind; afterTokens: number } | null;
  /** A malformed event after this token; the stream continues. */
  malformedAfterTokens: number | null;
  /** The answer ends here with the finish reason of a content filter. */
  filteredAfterTokens: number | null;
  firstTokenMs: number | null;
  hidesUsage: boolean;
  /** Reports impossible token counts. */
  misstatesUsage: boolean;
  /** One event of `bytes` bytes after this token; the stream continues. */
  giantEvent: { afterTokens: number; bytes: number } | null;
  omitsTerminator: boolean;
  hasComments: boolean;
  hasCarriageReturns: boolean;
  /** Bytes per write; null: writes are not split. */
  dribbleBytes: number | null;
}

/** Plans are not changed once made, so all calls without faults share this one. */
export const NO_FAULTS: FaultPlan = Object.freeze(createFaultPlan());

export function createFaultPlan(): FaultPlan {
  return {
    names: [],
    refusal: null,
    connection: null,
    falseBody: null,
    break: null,
    malformedAfterTokens: null,
    filteredAfterTokens: null,
    firstTokenMs: null,
    hidesUsage: false,
    misstatesUsage: false,
    giantEvent: null,
    omitsTerminator: false,
    hasComments: false,
    hasCarriageReturns: false,
    dribbleBytes: null,
  };
}
