// Remembers from providers' refusals in which other form a model accepts requests. Without it the first call of every request
// would be refused again. Entries expire, since providers change, and are dropped immediately if the other form is refused too.
import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Cure } from '#src/contracts/failure.ts';
import type { RouteStep } from '#src/contracts/route-plan.ts';
import { openingOf } from '#src/protocols/call/effective-request.ts';

const MAX_MODELS = 1_000;
const MAX_CONVERSATIONS = 500;
const KEPT_MS = 10 * 60_000;

/** Cures that apply to all requests of a model; the others depend on the content of a conversation. */
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
  /** The provider accepted the request in this form. */
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
      // Later cures do not extend the lifetime of the entry.
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

/** Identifies a conversation by its opening, which all of its turns share. */
function talkOf({ body }: CureSubject): string {
  return createHash('sha256').update(openingOf(body)).digest('base64');
}
