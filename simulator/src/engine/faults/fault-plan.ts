// What the faults of one call amount to. The table of faults (fault-table.ts) writes it; serving and performing obey it.
import type { Refusal } from '../refusal.ts';

/**
 * How an answer ends too early. Streams; what becomes of an unstreamed answer stands in perform-whole.ts.
 * - `cut`: the connection is closed without the end of the HTTP message, once the tokens are with the client.
 * - `reset`: the same with a TCP reset.
 * - `end`: the HTTP message ends properly, the answer does not.
 * - `stall`: nothing more comes; the connection stays open.
 * - `malformed`: an event that cannot be parsed, then `end`.
 * - `error`: an error event of the protocol, then `end`.
 * - `failed`: the answer itself says that it failed, where the protocol has words for that; else as `error`.
 */
export type BreakKind = 'cut' | 'reset' | 'end' | 'stall' | 'malformed' | 'error' | 'failed';

/** What comes with status 200 (or 502) in place of an answer. */
export type FalseBody = 'empty' | 'garbage' | 'plain_text' | 'html_page';

export interface FaultPlan {
  /** Names of the faults, for the records. */
  names: string[];
  refusal: Refusal | null;
  /** The connection is reset, or held in silence, before any answer. */
  connection: 'reset' | 'silence' | null;
  falseBody: FalseBody | null;
  break: { kind: BreakKind; afterTokens: number } | null;
  /** A malformed event after this token; the stream goes on. */
  malformedAfterTokens: number | null;
  /** The answer ends here with the finish reason of a content filter. */
  filteredAfterTokens: number | null;
  firstTokenMs: number | null;
  hidesUsage: boolean;
  /** Says numbers of tokens that nobody can have counted. */
  misstatesUsage: boolean;
  /** One event of so many bytes after this token; the stream goes on. */
  giantEvent: { afterTokens: number; bytes: number } | null;
  omitsTerminator: boolean;
  hasComments: boolean;
  hasCarriageReturns: boolean;
  /** Bytes per write; null leaves writes whole. */
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
