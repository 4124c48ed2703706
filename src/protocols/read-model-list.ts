// Providers' own lists of models: where to fetch them and how to read them. Every kind of server adds members of its own to
// OpenAI's list; the members that state limits are listed here with the servers that have them.
import type { UpstreamModel } from '../contracts/upstream-model.ts';
import { faultOfName } from './bounds/request-names.ts';

export interface ModelListCall {
  /** Appended to the provider's base URL. */
  path: string;
  headers: Readonly<Record<string, string>>;
}

/** All models in one page, if the provider allows that (npm @anthropic-ai/sdk 1.11.0; ai.google.dev/api/models, 2026-10). */
export function modelListCall(protocol: string): ModelListCall {
  switch (protocol) {
    case 'anthropic-messages':
      return { path: '/v1/models?limit=1000', headers: { 'anthropic-version': '2023-06-01' } };
    case 'gemini-generate-content':
      return { path: '/v1beta/models?pageSize=1000', headers: {} };
    default:
      return { path: '/models', headers: {} };
  }
}

const MAX_MODELS = 5_000;
const MAX_NAME = 256;
const MAX_MODALITIES = 16;
const MAX_CAPABILITIES_CHARS = 16 * 1_024;

/** Unreadable entries are left out; anything but a list is an empty list. */
export function readModelList(body: unknown): UpstreamModel[] {
  const list = Array.isArray(body) ? body : (field(body, 'data') ?? field(body, 'models'));
  return Array.isArray(list) ? list.slice(0, MAX_MODELS).flatMap(readModel) : [];
}

function readModel(item: unknown): UpstreamModel[] {
  const id = text(field(item, 'id')) ?? text(field(item, 'name'))?.replace(/^models\//, '');
  if (id === undefined || faultOfName(id, MAX_NAME) !== null) return [];
  const architecture = field(item, 'architecture');
  const facts = {
    displayName: text(field(item, 'display_name')) ?? text(field(item, 'displayName')),
    createdAtMs: readTime(field(item, 'created') ?? field(item, 'created_at')),
    contextTokens: firstCount(item, CONTEXT),
    outputTokens: firstCount(item, OUTPUT) ?? firstCount(field(item, 'top_provider'), OUTPUT),
    inputModalities: words(field(architecture, 'input_modalities') ?? field(item, 'input_modalities')),
    outputModalities: words(field(architecture, 'output_modalities') ?? field(item, 'output_modalities')),
    capabilities: readCapabilities(item),
  };
  const known = Object.entries(facts).filter(([, value]) => value !== undefined);
  return [{ id, ...Object.fromEntries(known) }];
}

/** Anthropic; Google; OpenRouter and Together; Groq; vLLM; Mistral. */
const CONTEXT = [
  'max_input_tokens',
  'inputTokenLimit',
  'context_length',
  'context_window',
  'max_model_len',
  'max_context_length',
] as const;
/** Anthropic; Google; OpenRouter and Groq. */
const OUTPUT = ['max_tokens', 'outputTokenLimit', 'max_completion_tokens', 'max_output_tokens'] as const;

function firstCount(item: unknown, names: readonly string[]): number | undefined {
  const found = names
    .map((name) => field(item, name))
    .find((value) => Number.isSafeInteger(value) && Number(value) > 0);
  return found as number | undefined;
}

function readTime(value: unknown): number | undefined {
  const ms = typeof value === 'number' ? value * 1_000 : typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isFinite(ms) && ms > 0 && ms < MAX_DATE_MS ? Math.floor(ms) : undefined;
}

const MAX_DATE_MS = 8.64e15;

function readCapabilities(item: unknown): Record<string, unknown> | undefined {
  const value = field(item, 'capabilities');
  // Only Anthropic's models have this type; others mean something else by the word.
  if (field(item, 'type') !== 'model' || typeof value !== 'object' || value === null) return undefined;
  return JSON.stringify(value).length > MAX_CAPABILITIES_CHARS ? undefined : (value as Record<string, unknown>);
}

function words(value: unknown): string[] | undefined {
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_MODALITIES) return undefined;
  return value.every((word) => text(word) !== undefined) ? (value as string[]) : undefined;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' && value.length <= MAX_NAME ? value : undefined;
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
