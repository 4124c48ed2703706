// What the broker knows of one accepted request: written whole by the API tier before the job is queued, then only its
// mutable part changes (see src/reply/request-store.ts).
import type { Lane } from './job.ts';
import type { RoutePlan } from './route-plan.ts';

/** Version of everything that crosses processes; a reader refuses what is newer than itself. */
export const CONTRACT_VERSION = 1;

/** The part that never changes after acceptance. */
export interface RequestSpec {
  version: number;
  requestId: string;
  keyId: string;
  /** Which client protocol the answer is written in. */
  protocol: string;
  /** The model as the client named it. */
  model: string;
  lane: Lane;
  isStream: boolean;
  /** The client asked for streamed usage itself; if not, the usage the broker asks for is taken out again. */
  wantsUsage: boolean;
  /** How many answers were asked for. */
  choices: number;
  plan: RoutePlan;
  /** Unix milliseconds by the API's clock. */
  acceptedAtMs: number;
  /** Unix milliseconds after which nobody waits for the answer. */
  deadlineAtMs: number;
  /** API instance that holds the client's connection: where frames are announced. */
  inbox: string;
  estimatedInputTokens: number;
  /** Upper bound of the answer as far as the request states one, else the model's default estimate. */
  estimatedOutputTokens: number;
}
