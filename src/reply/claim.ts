// What a worker gets with a request that it has claimed (claim.lua, claim-new.lua), and what else a claim may find.
import { ORIGIN_FRAME, parseFrameId } from '../contracts/frame.ts';
import { CONTRACT_VERSION, NO_PROGRESS, type RequestProgress, type RequestSpec } from '../contracts/request-record.ts';

/** Place in a request's log from which one attempt may write. */
export interface WriteGrant {
  attempt: number;
  /** Id of the last frame before: what a reader has seen last (fences are never announced). */
  previous: string;
  /** Sequence number of the fence; the attempt's frames come after it. */
  fenceSequence: number;
}

export interface Claim {
  grant: WriteGrant;
  spec: RequestSpec;
  body: Buffer;
  progress: RequestProgress;
  /** Somebody cancelled it meanwhile: it must be ended, not worked on. */
  isCancelled: boolean;
  /** Bytes of an answer went to the client in an earlier attempt. */
  hasAnswered: boolean;
}

export type ClaimResult =
  | { kind: 'claimed'; claim: Claim }
  /** Another worker that is alive holds it, or believes so: it has been asked. */
  | { kind: 'owned'; owner: string }
  /** A fallback moved it to this step; its job may have been lost on the way. */
  | { kind: 'moved'; step: number; spec: RequestSpec; progress: RequestProgress }
  /** A newer Sluice wrote it: left as it is, for a worker of that version. */
  | { kind: 'newer'; version: number }
  /** It has its outcome: `ok`, a failure's code, or `failed` where the log says which. Progress without its last attempt. */
  | { kind: 'done'; outcome: string; spec: RequestSpec; progress: RequestProgress }
  /** Its time to live is over, or it was never written whole. */
  | { kind: 'gone' };

/** This process is too old for the request; another one may not be. */
export class NewerContractError extends Error {
  override name = 'NewerContractError';
}

export type ClaimReply = [Buffer, ...unknown[]];
type ClaimedReply = [Buffer, number, Buffer, Buffer, Buffer, Buffer, Buffer, Buffer, Buffer];

/** What claim.lua says. Throws a NewerContractError. */
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
      const [outcome, spec, progress] = reply.slice(1) as [Buffer, Buffer, Buffer];
      return { kind, outcome: String(outcome), spec: readSpec(spec), progress: readProgress(String(progress)) };
    }
    default:
      return { kind };
  }
}

function readClaimed([, attempt, previous, fence, cancelled, answered, progress, spec, body]: ClaimedReply): Claim {
  return {
    grant: { attempt, previous: previous.toString(), fenceSequence: parseFrameId(fence.toString()).sequence },
    spec: readSpec(spec),
    body,
    progress: readProgress(progress.toString()),
    isCancelled: cancelled.length > 0,
    hasAnswered: answered.length > 0,
  };
}

/** A request that was handed to a worker as it was accepted (claim-new.lua). */
export function firstClaim(fence: string, spec: Buffer | string, body: Buffer): Claim {
  return {
    grant: { attempt: 1, previous: ORIGIN_FRAME, fenceSequence: parseFrameId(fence).sequence },
    spec: readSpec(spec),
    body,
    progress: NO_PROGRESS,
    isCancelled: false,
    hasAnswered: false,
  };
}

export function readProgress(json: string): RequestProgress {
  // An older worker may not know every member.
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
