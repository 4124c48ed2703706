// The canonical form of a request. If client and provider protocol differ, the request is decoded into this form and encoded
// from it. Same-protocol requests are passed through byte for byte, unless a provider has refused them (`Cure`).
//
// Members are optional unless nothing can be done without them. A decoder leaves out what the client did not set; an encoder
// adds nothing of its own. Members that no other protocol can express are in `unmapped`, by the client's name, so that they are
// reported as dropped.

export interface InferenceRequest {
  /** In order, system and developer turns at their original places. */
  turns: Turn[];
  tools: ToolDefinition[];
  toolChoice?: ToolChoice;
  /** False: at most one tool call per answer. */
  allowsParallelToolCalls?: boolean;
  /** Includes reasoning tokens, as in OpenAI's `max_completion_tokens`. */
  maxOutputTokens?: number;
  sampling: Sampling;
  /** Sequences that end the answer; not part of it. */
  stop?: string[];
  /** How many answers (`n`). */
  choices?: number;
  output?: OutputFormat;
  reasoning?: ReasoningRequest;
  /** The end user, as the client names them. */
  endUser?: string;
  metadata?: Record<string, string>;
  /** Requests with the same key and the same beginning go to the same cache (OpenAI `prompt_cache_key`). */
  promptCacheKey?: string;
  /** `auto`, `default`, `flex`, `priority`, … as in OpenAI. */
  serviceTier?: string;
  verbosity?: string;
  /** How many alternatives per token; 0 for the chosen token alone. Absent: no log probabilities. */
  logProbabilities?: number;
  logitBias?: Record<string, number>;
  /** `text`, `image`, `audio`. */
  modalities?: string[];
  image?: { aspectRatio?: string; size?: string };
  speech?: { voice?: string; format?: string };
  /** The model may search the web, with the provider's own search. */
  webSearch?: WebSearch;
  /** The client's `extra_body`: merged over the encoded body, unchanged. */
  extraBody?: Record<string, unknown>;
  /** Members without a canonical form, by the client's path: dropped in translation, and reported as dropped. */
  unmapped: Record<string, unknown>;
}

/** A number that a double cannot hold exactly, printed as it was written: the result of `JSON.rawJSON`. */
export interface RawNumber {
  readonly rawJSON: string;
}

/** A search that a provider cannot keep within its limits is not offered there (translate/fit-request.ts). */
export interface WebSearch {
  contextSize?: string;
  /** Approximate location of the user: a hint. */
  userLocation?: { city?: string; region?: string; country?: string; timezone?: string };
  /** Only these sites, or none of those. */
  allowedDomains?: string[];
  blockedDomains?: string[];
  maxUses?: number;
  /** Only cached pages; nothing is fetched from the live web. */
  isCachedOnly?: true;
  /** There are limits that only the client's own protocol has; `unmapped` names them. */
  hasOtherLimits?: true;
}

export interface Sampling {
  temperature?: number;
  topP?: number;
  topK?: number;
  seed?: number | RawNumber;
  presencePenalty?: number;
  frequencyPenalty?: number;
}

export type Role = 'system' | 'developer' | 'user' | 'assistant';

/** One speaker's contribution. Tool results belong to a `user` turn here, although protocols differ in this. */
export interface Turn {
  role: Role;
  parts: Part[];
  /** Participant name, if the protocol has one. */
  name?: string;
}

export type Part =
  | TextPart
  | RefusalPart
  | ImagePart
  | DocumentPart
  | AudioPart
  | ReasoningPart
  | ToolCallPart
  | ToolResultPart;

/** A provider's proof that it made a part (Anthropic `signature`, Gemini `thoughtSignature`, Responses `encrypted_content`). */
export interface Signature {
  /** Protocol family that can read it; elsewhere it is dropped. `openai-chat`: the broker's own, translate/signatures.ts. */
  origin: 'anthropic-messages' | 'gemini-generate-content' | 'openai-responses' | 'openai-chat';
  value: string;
}

/** Ends a prefix that is worth caching. `ttlSeconds` absent: the provider's default. */
export interface CacheBreakpoint {
  ttlSeconds?: number;
}

export interface TextPart {
  kind: 'text';
  text: string;
  citations?: Citation[];
  signature?: Signature;
  cacheBreakpoint?: CacheBreakpoint;
}

export interface RefusalPart {
  kind: 'refusal';
  text: string;
}

export type MediaSource =
  | { kind: 'base64'; mediaType: string; data: string }
  | { kind: 'url'; url: string; mediaType?: string }
  /** The id of a file at the provider. */
  | { kind: 'file-id'; id: string; mediaType?: string };

export interface ImagePart {
  kind: 'image';
  source: MediaSource;
  /** `low`, `high`, `auto`, …, as in OpenAI. */
  detail?: string;
  signature?: Signature;
  cacheBreakpoint?: CacheBreakpoint;
}

export interface DocumentPart {
  kind: 'document';
  source: MediaSource | { kind: 'text'; text: string };
  filename?: string;
  cacheBreakpoint?: CacheBreakpoint;
}

export interface AudioPart {
  kind: 'audio';
  /** `wav`, `mp3`, … */
  format: string;
  data: string;
}

/** What the model thought. Only its own provider may see it again, and only with its signature. */
export interface ReasoningPart {
  kind: 'reasoning';
  /** Empty if the provider returns only a signature. */
  text: string;
  signature?: Signature;
  /** Anthropic `redacted_thinking`: the signature is all there is. */
  isRedacted?: boolean;
  /** Id of the item in the Responses API. */
  id?: string;
}

export interface ToolCallPart extends ToolName {
  kind: 'tool-call';
  id: string;
  /** JSON text as the model wrote it; free text for a custom tool. */
  arguments: string;
  isCustom?: boolean;
  signature?: Signature;
  cacheBreakpoint?: CacheBreakpoint;
}

export interface ToolResultPart {
  kind: 'tool-result';
  callId: string;
  /** Name of the tool: Gemini wants it; decoders look it up from the call. */
  name?: string;
  parts: (TextPart | ImagePart | DocumentPart)[];
  isError?: boolean;
  cacheBreakpoint?: CacheBreakpoint;
}

export interface Citation {
  url?: string;
  title?: string;
  /** The supported range, if the provider gives it, in UTF-16 units of the part's text. */
  startIndex?: number;
  endIndex?: number;
  citedText?: string;
}

export type ToolDefinition = FunctionTool | CustomTool;

/** A tool is identified by both members: two groups of tools (OpenAI `namespace`) may use the same name. */
export interface ToolName {
  name: string;
  /** The tool's group. Sent only to providers that support groups (fit-request.ts). */
  namespace?: string;
}

export interface FunctionTool extends ToolName {
  kind: 'function';
  description?: string;
  /** JSON Schema; absent: no arguments. */
  parameters?: Record<string, unknown>;
  isStrict?: boolean;
  cacheBreakpoint?: CacheBreakpoint;
}

/** A tool whose input is free text (OpenAI `custom`); elsewhere a function with one string, `input`. */
export interface CustomTool extends ToolName {
  kind: 'custom';
  description?: string;
  format?: unknown;
  cacheBreakpoint?: CacheBreakpoint;
}

export type ToolChoice =
  | { kind: 'auto' | 'none' | 'required' }
  | ({ kind: 'tool' } & ToolName)
  | { kind: 'allowed'; tools: ToolName[]; isRequired: boolean; allowsSearch?: true };

export type OutputFormat =
  | { kind: 'text' }
  | { kind: 'json' }
  | { kind: 'json-schema'; schema: Record<string, unknown>; name?: string; description?: string; isStrict?: boolean };

export interface ReasoningRequest {
  /** `none`, `minimal`, `low`, `medium`, `high`, `xhigh`, `max`: open, providers add to it. */
  effort?: string;
  /** An explicit budget, if the client's protocol has one. 0: no reasoning. */
  budgetTokens?: number;
  /** The client wants to see the reasoning, or a summary of it. */
  isShown?: boolean;
}
