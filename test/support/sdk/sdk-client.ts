// One interface for all official SDKs, so that each of them runs the same tests. An adapter does what an application does: it
// builds requests with its SDK's types, reads answers with its SDK's means, and sends the SDK's output back unchanged in the
// next turn.

export interface Question {
  model: string;
  prompt: string;
  system?: string;
  /** The conversation so far: its messages go first, and its calls are answered with `RESULTS` instead of a prompt. */
  after?: Reply;
  /** TOOLS are offered. */
  hasTools?: boolean;
  /** SCHEMA is demanded. */
  isJson?: boolean;
  attachment?: 'image' | 'image-link' | 'pdf';
  /** Reasoning is requested, and requested to be shown, as far as the SDK supports it. */
  isThinking?: boolean;
  signal?: AbortSignal;
}

export interface Reply {
  text: string;
  reasoning: string;
  calls: { id: string; name: string; input: unknown }[];
  /** In the SDK's own terms. */
  finish: string | null;
  /** As the SDK defines it; null if it has none. */
  usage: { input: number; output: number } | null;
  /** `usage.cost` and `cost`; undefined where the SDK hides members that it does not know. */
  cost?: unknown;
  charge?: unknown;
  /** How many pieces of text came; 1 for an answer that was not streamed. */
  pieces: number;
  /** The messages up to this reply, in the SDK's own form. */
  history: readonly unknown[];
}

export interface SdkClient {
  ask(question: Question): Promise<Reply>;
  stream(question: Question): Promise<Reply>;
  /** Opens a stream and disconnects after its first piece. */
  leave(question: Question): Promise<void>;
  /** The HTTP status in the SDK's own error. */
  statusOf(error: unknown): number | undefined;
}

export interface Sdk {
  name: string;
  connect(url: string, key: string): SdkClient;
  /** The SDK's terms for how an answer ends. */
  finishes: { stop: string; calls: string };
  /** What this SDK does not support, whatever the provider. */
  hides?: readonly ('reasoning' | 'cost' | 'signatures')[];
  /** Fetches links itself, before anything is sent. */
  fetchesLinks?: true;
}

export interface TestTool {
  name: 'get_weather' | 'get_time';
  description: string;
  parameters: { type: 'object'; properties: object; required: string[]; additionalProperties: false };
}

const CITY = {
  type: 'object' as const,
  properties: { city: { type: 'string' } },
  required: ['city'],
  additionalProperties: false as const,
};

export const TOOLS: readonly TestTool[] = [
  { name: 'get_weather', description: 'Current weather in a city', parameters: CITY },
  { name: 'get_time', description: 'Current time in a city', parameters: CITY },
];
export const RESULTS: Readonly<Record<string, string>> = { get_weather: 'Sunny, 21 °C', get_time: '12:34' };

export const SCHEMA = {
  type: 'object' as const,
  properties: { city: { type: 'string' }, isSunny: { type: 'boolean' } },
  required: ['city', 'isSunny'],
  additionalProperties: false as const,
};

/** Enough for the smallest budget of thoughts (Anthropic: 1,024) and an answer. */
export const MAX_TOKENS = 2_048;
export const THINKING_BUDGET = 1_024;
