// Request × configuration → the ordered deployments that may answer it. Pure: randomness and health are passed in.
import type { Candidate, Catalogue, Model, Provider } from '../config/catalogue.ts';
import type { Credential } from '../config/credentials.ts';
import { createFailure, type Failure, isFailure } from '../contracts/failure.ts';
import {
  circuitOf,
  type DetourCode,
  type RoutePlan,
  type RouteStep,
  type StrategyName,
} from '../contracts/route-plan.ts';
import { findProtocolRoute } from '../protocols/registry.ts';
import { DEFAULT_WAIT_UP_TO_MS } from './advance.ts';
import type { Circuits } from './circuits.ts';
import type { Holds } from './holds.ts';
import type { RequestSize, SignalBoard } from './signals.ts';
import { drawOrder, NO_SIGNALS, orderCandidates, type Signals } from './strategies.ts';

export interface RouteRequest {
  model: string;
  /** `models[]` of the body: tried after the first model's own deployments and fallbacks. */
  alternativeModels: readonly string[];
  /** Body extension `provider`, as OpenRouter has it. */
  preferences: {
    order?: readonly string[];
    only?: readonly string[];
    ignore?: readonly string[];
    allowFallbacks?: boolean;
    /** In place of the models' own strategies. */
    sort?: StrategyName;
    hedge?: boolean;
    /** USD per million tokens; deployments that cost more, or whose price is unknown, are left out. */
    maxInputPrice?: number;
    maxOutputPrice?: number;
  };
  /** The `vendor` header: a provider's name, or null for automatic routing. */
  pinnedProvider: string | null;
  /** Prices depend on it. */
  estimatedInputTokens?: number;
  maxOutputTokens?: number | null;
}

export interface RouteContext {
  catalogue: Catalogue;
  /** Whether this kind of request can be sent in one of these protocols. */
  canServe: (protocols: readonly string[]) => boolean;
  /** Deployments out of rotation: they move to the end of the plan, never out of it. */
  isCooling: (circuit: string) => boolean;
  /** Deployments with a hold: they move to the end too, where a request waits for their release. */
  isHeld?: (deploymentId: string) => boolean;
  /** Absent: only the configuration is used. */
  signals?: Signals;
  random: () => number;
}

/** A longer plan would only delay the answer that every provider is down. */
const MAX_STEPS = 32;

/** The plan, or why there is none: an unknown model or provider, or no deployment meets the request's preferences. */
export function planRoute(request: RouteRequest, context: RouteContext): RoutePlan | Failure {
  const { catalogue } = context;
  const model = catalogue.findModel(request.model);
  if (model === null) return modelNotFound(request.model);
  if (request.pinnedProvider !== null && !catalogue.providers.has(request.pinnedProvider)) {
    return unknownProvider(request.pinnedProvider, catalogue);
  }
  const steps = modelChain(model, request, catalogue).flatMap((next) => stepsOf(next, request, context));
  const unique = dropRepeated(steps);
  if (unique.length === 0) return nothingLeft(request, modelChain(model, request, catalogue), context);
  const { steps: ordered, putBack } = coolingLast(unique, context);
  const hedge = hedgeOf(model, request);
  const wait = model.waitUpToMs === DEFAULT_WAIT_UP_TO_MS ? {} : { waitUpToMs: model.waitUpToMs };
  if (request.preferences.allowFallbacks === false)
    return { steps: ordered.slice(0, 1), ...putBack, ...wait, ...hedge };
  return { steps: ordered, ...detoursOf(model, request, context), ...putBack, ...wait, ...hedge };
}

function hedgeOf({ hedge }: Model, { preferences }: RouteRequest): Pick<RoutePlan, 'hedge'> {
  if (hedge === null) return {};
  const isWanted = preferences.hedge ?? !hedge.isOnRequest;
  return { hedge: isWanted ? hedge.terms : { ...hedge.terms, isUnwanted: true } };
}

const DETOUR_CODES = ['upstream_content_filter', 'upstream_context_length'] as const;

/** Detours of the requested model: the model that is configured for a kind of failure replaces the rest of the plan. */
function detoursOf(model: Model, request: RouteRequest, context: RouteContext): Pick<RoutePlan, 'detours'> {
  if (!DETOUR_CODES.some((code) => model.detours[code].length > 0)) return {};
  const entries = DETOUR_CODES.map((code) => [code, detourSteps(model.detours[code], request, context)] as const);
  const known = entries.filter(([, steps]) => steps.length > 0);
  return known.length === 0 ? {} : { detours: Object.fromEntries(known) as Partial<Record<DetourCode, RouteStep[]>> };
}

function detourSteps(names: readonly string[], request: RouteRequest, context: RouteContext): RouteStep[] {
  const models = names.map((name) => context.catalogue.findModel(name)).filter((other) => other !== null);
  const steps = dropRepeated(models.flatMap((other) => stepsOf(other, request, context)));
  return coolingLast(steps, context).steps;
}

/** The model asked for, its fallbacks, then the request's own alternatives with theirs; unknown names are skipped. */
function modelChain(model: Model, request: RouteRequest, catalogue: Catalogue): Model[] {
  if (model.fallbacks.length === 0 && request.alternativeModels.length === 0) return [model];
  const chain = new Map<string, Model>();
  const add = (next: Model | null) => {
    if (next !== null && !chain.has(next.name)) chain.set(next.name, next);
  };
  for (const first of [model, ...request.alternativeModels.map((name) => catalogue.findModel(name))]) {
    add(first);
    for (const fallback of first?.fallbacks ?? []) add(catalogue.findModel(fallback));
  }
  return [...chain.values()];
}

function stepsOf(model: Model, request: RouteRequest, context: RouteContext): RouteStep[] {
  const allowed = model.candidates.filter((candidate) => isAllowed(candidate, request, context));
  const { order = [], sort } = request.preferences;
  const wishes = { order, strategy: sort ?? model.strategy, isAsked: sort !== undefined };
  const ordered = orderCandidates(allowed, wishes, context.signals ?? NO_SIGNALS, context.random);
  return ordered.map(({ deployment, upstreamModel }) => {
    const { id, provider } = deployment;
    const step: RouteStep = { deployment: id, provider: provider.name, upstreamModel, model: model.name };
    if (deployment.upstreamModel.includes('*')) step.isWildcard = true;
    if (provider.credentials.length > 1) step.credentials = credentialOrder(provider.credentials, context.random);
    return step;
  });
}

/** Random by shares. All turns of a conversation get the same order, and so stay with the account that has the prompt cached. */
function credentialOrder(credentials: readonly Credential[], random: () => number): string[] {
  return drawOrder(credentials, ({ weight }) => weight, random).map(({ name }) => name);
}

function isAllowed(candidate: Candidate, request: RouteRequest, context: RouteContext): boolean {
  const { provider } = candidate.deployment;
  const { only, ignore } = request.preferences;
  if (request.pinnedProvider !== null && provider.name !== request.pinnedProvider) return false;
  if (only !== undefined && !only.includes(provider.name)) return false;
  if (ignore?.includes(provider.name)) return false;
  return isCheapEnough(candidate, request, context.catalogue) && context.canServe(provider.protocols);
}

/** USD per million tokens are microdollars per token. */
const PICO_PER_MICRO_USD = 1e6;

function isCheapEnough({ deployment, upstreamModel }: Candidate, request: RouteRequest, catalogue: Catalogue): boolean {
  const { maxInputPrice = Number.POSITIVE_INFINITY, maxOutputPrice = Number.POSITIVE_INFINITY } = request.preferences;
  if (maxInputPrice === Number.POSITIVE_INFINITY && maxOutputPrice === Number.POSITIVE_INFINITY) return true;
  const price = catalogue.priceOf(deployment, upstreamModel, request.estimatedInputTokens ?? 0);
  if (price === null) return false;
  return (
    Number(price.input) / PICO_PER_MICRO_USD <= maxInputPrice &&
    Number(price.output) / PICO_PER_MICRO_USD <= maxOutputPrice
  );
}

function dropRepeated(steps: RouteStep[]): RouteStep[] {
  if (steps.length < 2) return steps;
  const seen = new Set<string>();
  return steps.filter((step) => {
    const key = `${step.deployment} ${step.upstreamModel}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

type Ordered = Pick<RoutePlan, 'steps'> & { putBack: Pick<RoutePlan, 'putBack'> };

function coolingLast(steps: RouteStep[], { isCooling, isHeld }: RouteContext): Ordered {
  const mayCall = (step: RouteStep) => isHeld?.(step.deployment) !== true && !isCooling(circuitOf(step));
  if (steps.every(mayCall)) return { steps: steps.slice(0, MAX_STEPS), putBack: {} };
  const held = new Set(steps.filter((step) => isHeld?.(step.deployment) === true));
  const last = steps.filter((step) => held.has(step) || isCooling(circuitOf(step)));
  const first = steps.filter((step) => !last.includes(step));
  const putBack = last.map((step) => ({
    provider: step.provider,
    why: held.has(step) ? ('hold' as const) : ('circuit' as const),
  }));
  // If all steps are out of rotation, none was moved after another.
  return {
    steps: [...first, ...last].slice(0, MAX_STEPS),
    putBack: first.length === 0 ? {} : { putBack: putBack.slice(0, MAX_STEPS) },
  };
}

function modelNotFound(model: string): Failure {
  return createFailure(
    'model_not_found',
    `The model '${model}' does not exist or you do not have access to it. GET /v1/models lists the models of this key.`,
    { param: 'model' },
  );
}

function unknownProvider(name: string, catalogue: Catalogue): Failure {
  const known = ['auto', ...catalogue.providers.keys()].join(', ');
  return createFailure('request_invalid', `The vendor header names an unknown provider '${name}'. Known: ${known}.`, {
    param: 'vendor',
  });
}

function nothingLeft(request: RouteRequest, chain: readonly Model[], context: RouteContext): Failure {
  const anyProtocol = { ...context, canServe: () => true };
  if (chain.some((model) => stepsOf(model, request, anyProtocol).length > 0)) {
    const message = `No provider of '${request.model}' supports a protocol that can serve this request.`;
    return createFailure('request_invalid', message, { param: 'model' });
  }
  const pin = request.pinnedProvider === null ? 'the provider preferences' : `vendor '${request.pinnedProvider}'`;
  return createFailure(
    'request_invalid',
    `No deployment of '${request.model}' matches ${pin}. Relax the restriction.`,
    {
      param: request.pinnedProvider === null ? 'provider' : 'vendor',
    },
  );
}

/** @param random orders deployments within a tier; the same numbers give the same plan while nothing else changes. */
export type Planner = (protocol: string, request: RouteRequest, random?: () => number) => RoutePlan | Failure;

export interface PlannerOptions {
  catalogue: Catalogue;
  circuits: Pick<Circuits, 'isOpen'>;
  holds: Pick<Holds, 'find' | 'get'>;
  signals: SignalBoard;
}

export function createPlanner({ catalogue, circuits, holds, signals }: PlannerOptions): Planner {
  const isHeld = (deploymentId: string) => {
    const deployment = catalogue.deployments.get(deploymentId);
    return deployment !== undefined && (holds.find(deployment) !== null || hasNoCredential(deployment.provider));
  };
  const hasNoCredential = ({ credentials }: Provider) =>
    credentials.length > 0 &&
    credentials.every(({ scope: { name } }) => holds.get(name) !== null || circuits.isOpen(name));
  return (protocol, request, random = Math.random) => {
    const plan = planRoute(request, {
      catalogue,
      canServe: (protocols) => findProtocolRoute(protocol, protocols) !== null,
      isCooling: circuits.isOpen,
      isHeld,
      signals: signals.signalsFor(sizeOf(request)),
      random,
    });
    if (!isFailure(plan)) signals.noteChosen(plan.steps[0]!.deployment);
    return plan;
  };
}

/** Assumed for a request that does not state its size. */
const USUAL_TOKENS = { input: 1_000, output: 300 };

function sizeOf({ estimatedInputTokens, maxOutputTokens }: RouteRequest): RequestSize {
  return {
    inputTokens: estimatedInputTokens ?? USUAL_TOKENS.input,
    outputTokens: maxOutputTokens ?? USUAL_TOKENS.output,
  };
}
