// What a worker receives with a claimed request (claim.lua, claim-new.lua), and the other results of a claim.
import { ORIGIN_FRAME, parseFrameId } from '../contracts/frame.ts';
import { CONTRACT_VERSION, NO_PROGRESS, type RequestProgress, type RequestSpec } from '../contracts/request-record.ts';

/** Position in a request's log from which one attempt may write. */
export interface WriteGrant {
  attempt: number;
  /** Id of the frame before: the last that a reader can have seen (fences are never announced). */
  previous: string;
  /** Sequence number of the fence; the attempt's frames come after it. */
  fenceSequence: number;
}

export interface Claim {
  grant: WriteGrant;
  spec: RequestSpec;
  /** Null for a large one, which is read by itself (`readBody`): scripts copy what they return. Also if it is lost. */
  body: Buffer | null;
  progress: RequestProgress;
  /** Cancelled meanwhile: it must be ended, not processed. */
  isCancelled: boolean;
  /** An earlier attempt sent bytes of an answer to the client. */
  hasAnswered: boolean;
}

export type ClaimResult =
  | { kind: 'claimed'; claim: Claim }
  /** The record names another live worker as owner; that worker has been asked whether it still works on it. */
  | { kind: 'owned'; owner: string }
  /** A fallback moved it to this step; the job of that step may have been lost. */
  | { kind: 'moved'; step: number; spec: RequestSpec; progress: RequestProgress }
  /** A newer Sluice wrote it: left as it is, for a worker of that version. */
  | { kind: 'newer'; version: number }
  /**
   * It has its outcome: `ok`, a failure's code, or `failed` if the code is in the log. Progress excludes the last attempt;
   * `attempts` are the numbers that were given to attempts.
   */
  | { kind: 'done'; outcome: string; spec: RequestSpec; progress: RequestProgress; attempts: number }
  /** It has its outcome, and so has the ledger: nothing is left to do. */
  | { kind: 'closed' }
  /** It has expired or was forgotten. */
  | { kind: 'gone' };

/** This process is too old to read the request; another process may be able to. */
export class NewerContractError extends Error {
  override name = 'NewerContractError';
}

export type ClaimReply = [Buffer, ...unknown[]];
type ClaimedReply = [Buffer, number, Buffer, Buffer, Buffer, Buffer, Buffer, Buffer, Buffer];

/** Parses the reply of claim.lua. Throws a NewerContractError. */
export function readClaim(reply: ClaimReply): ClaimResult {
  const kind = reply[0].toString() as ClaimResult['kind'];
  switch (kind) {
    case 'claimed':
      return { kind, claim: readClaimed(reply as ClaimedReply) };
    case 'owned':
      return { kind, owner: String(reply[1]) };
    case 'newer':
      return { kind, version: Number(String(reply[1])) };
    case 'moved':
      return {
        kind,
        step: Number(String(reply[1])),
        spec: readSpec(reply[2] as Buffer),
        progress: readProgress(String(reply[3])),
      };
    case 'done': {
      const [outcome, spec, progress, attempts] = reply.slice(1) as [Buffer, Buffer, Buffer, Buffer | number];
      return {
        kind,
        outcome: String(outcome),
        spec: readSpec(spec),
        progress: readProgress(String(progress)),
        attempts: Number(String(attempts)),
      };
    }
    default:
      return { kind };
  }
}

function readClaimed([, attempt, previous, fence, cancelled, answered, progress, spec, body]: ClaimedReply): Claim {
  return {
    grant: { attempt, previous: previous.toString(), fenceSequence: parseFrameId(fence.toString()).sequence },
    spec: readSpec(spec),
    body: body.length === 0 ? null : body,
    progress: readProgress(progress.toString()),
    isCancelled: cancelled.length > 0,
    hasAnswered: answered.length > 0,
  };
}

/** The claim of a request that was handed to a worker when it was accepted (claim-new.lua). */
export function firstClaim(fence: string, spec: Buffer | string, body: Buffer): Claim {
  return {
    grant: { attempt: 1, previous: ORIGIN_FRAME, fenceSequence: parseFrameId(fence).sequence },
    spec: readSpec(spec),
    body: body.length === 0 ? null : body,
    progress: NO_PROGRESS,
    isCancelled: false,
    hasAnswered: false,
  };
}

export function readProgress(json: string): RequestProgress {
  // An older worker may have written fewer members.
  return json === '' ? NO_PROGRESS : { ...NO_PROGRESS, ...(JSON.parse(json) as RequestProgress) };
}

export function readSpec(json: Buffer | string): RequestSpec {
  const spec = JSON.parse(String(json)) as RequestSpec;
  if (spec.version > CONTRACT_VERSION) {
    throw new NewerContractError(
      `request ${spec.requestId} was written by a newer Sluice (contract ${spec.version}, this one reads ${CONTRACT_VERSION})`,
    );
  }
  return spec;
}
