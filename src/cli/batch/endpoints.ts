// What the endpoints of a batch want in a body: what a line is checked for, and how a plain prompt becomes a line.

export interface Prompt {
  system: string | undefined;
  user: string;
}

interface BatchEndpoint {
  /** Without these the vendor refuses every line. */
  required: readonly string[];
  fromPrompt(prompt: Prompt): Record<string, unknown>;
}

export const DEFAULT_ENDPOINT = '/v1/chat/completions';
/** Anthropic demands a bound; this one is long enough for most answers and short enough for every model. */
const MESSAGES_MAX_TOKENS = 4_096;

const user = (content: string) => ({ role: 'user', content });

const ENDPOINTS: Readonly<Record<string, BatchEndpoint>> = {
  '/v1/chat/completions': {
    required: ['messages'],
    fromPrompt: (prompt) => ({
      messages: [
        ...(prompt.system === undefined ? [] : [{ role: 'system', content: prompt.system }]),
        user(prompt.user),
      ],
    }),
  },
  '/v1/responses': {
    required: [],
    fromPrompt: (prompt) => ({
      ...(prompt.system === undefined ? {} : { instructions: prompt.system }),
      input: prompt.user,
    }),
  },
  '/v1/embeddings': { required: ['input'], fromPrompt: (prompt) => ({ input: prompt.user }) },
  '/v1/messages': {
    required: ['messages', 'max_tokens'],
    fromPrompt: (prompt) => ({
      max_tokens: MESSAGES_MAX_TOKENS,
      ...(prompt.system === undefined ? {} : { system: prompt.system }),
      messages: [user(prompt.user)],
    }),
  },
};

/** Members that every body needs beside `model`; none are known of an endpoint that is not ours to judge. */
export function requiredMembers(endpoint: string): readonly string[] {
  return ENDPOINTS[endpoint]?.required ?? [];
}

/** Null where no body can be made of a plain prompt. */
export function bodyFromPrompt(endpoint: string, prompt: Prompt): Record<string, unknown> | null {
  return ENDPOINTS[endpoint]?.fromPrompt(prompt) ?? null;
}

export const PROMPT_ENDPOINTS: readonly string[] = Object.keys(ENDPOINTS);
