// What providers' refusals have taught this process: in what other form a model takes requests. Without it the first turn
// of every request would be refused again. Forgotten after a while, since providers change, and at once where the other
// form is refused too.
import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Cure } from '#src/contracts/failure.ts';
import type { RouteStep } from '#src/contracts/route-plan.ts';
import { openingOf } from '#src/protocols/call/effective-request.ts';

const MAX_MODELS = 1_000;
const MAX_CONVERSATIONS = 500;
const KEPT_MS = 10 * 60_000;

/** The model refuses what these leave out of any request; the others depend on what stands in a conversation. */
function isOfModel(cure: Cure): boolean {
  return cure === 'adapt' || cure === 'summarize' || cure.startsWith('without:');
}

export interface CureSubject {
  step: Pick<RouteStep, 'provider' | 'upstreamModel'>;
  /** Protocols of the client and of the provider: they decide what is sent. */
  client: string;
  upstream: string;
  body: Buffer;
}

interface Known {
  ofModel: Set<Cure>;
  ofConversation: LRUCache<string, Set<Cure>>;
}

export interface KnownCures {
  recall(subject: CureSubject): Cure[];
  /** The provider took the request in this form. */
  learn(subject: CureSubject, cures: ReadonlySet<Cure>): void;
  /** The provider refused it in this form. */
  forget(subject: CureSubject): void;
}

export function createKnownCures(): KnownCures {
  const models = new LRUCache<string, Known>({ max: MAX_MODELS, ttl: KEPT_MS });
  return {
    recall(subject) {
      const known = models.get(modelOf(subject));
      if (known === undefined) return [];
      const ofConversation = known.ofConversation.size === 0 ? undefined : known.ofConversation.get(talkOf(subject));
      return [...known.ofModel, ...(ofConversation ?? [])];
    },
    learn(subject, cures) {
      const name = modelOf(subject);
      const known = models.get(name) ?? nothingKnown();
      const news = [...cures].filter((cure) => !known.ofModel.has(cure));
      if (news.length === 0) return;
      for (const cure of news) if (isOfModel(cure)) known.ofModel.add(cure);
      const talked = news.filter((cure) => !isOfModel(cure));
      const talk = talked.length === 0 ? '' : talkOf(subject);
      if (talk !== '' && !known.ofConversation.has(talk)) known.ofConversation.set(talk, new Set(talked));
      // Kept for no longer than what was known first.
      if (!models.has(name)) models.set(name, known);
    },
    forget: (subject) => void models.delete(modelOf(subject)),
  };
}

function nothingKnown(): Known {
  return { ofModel: new Set(), ofConversation: new LRUCache({ max: MAX_CONVERSATIONS, ttl: KEPT_MS }) };
}

function modelOf({ step, client, upstream }: CureSubject): string {
  return [step.provider, step.upstreamModel, client, upstream].join('\n');
}

/** Every turn of a conversation begins as its first one did. */
function talkOf({ body }: CureSubject): string {
  return createHash('sha256').update(openingOf(body)).digest('base64');
}
