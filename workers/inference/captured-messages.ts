// What a request says, in the form of the GenAI conventions: only where the operator has asked for it (tracing.ts). Texts only:
// images, files, calls of tools and their results are named, not shown.

const MAX_CHARACTERS = 32_768;

interface Part {
  type: string;
  content?: string;
}

interface Message {
  role: string;
  parts: Part[];
}

/** JSON. The latest messages, as many as there is room for; empty for a body that has none. */
export function capturedMessages(body: Buffer): string {
  const said = messagesOf(parse(body));
  const shown: string[] = [];
  let room = MAX_CHARACTERS;
  for (const message of said.reverse()) {
    const text = JSON.stringify(message);
    room -= text.length + 1;
    if (room < 0) break;
    shown.unshift(text);
  }
  return `[${shown.join(',')}]`;
}

function parse(body: Buffer): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body.toString());
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** `messages` (OpenAI, Anthropic), `input` (Responses, embeddings), `contents` (Gemini). */
function messagesOf({ messages, input, contents }: Record<string, unknown>): Message[] {
  const list = messages ?? input ?? contents;
  if (typeof list === 'string') return [{ role: 'user', parts: partsOf(list) }];
  if (!Array.isArray(list)) return [];
  return list.map((item: unknown) => {
    if (typeof item === 'string') return { role: 'user', parts: partsOf(item) };
    const { role, content, parts } = (item ?? {}) as Record<string, unknown>;
    return { role: typeof role === 'string' ? role : 'user', parts: partsOf(content ?? parts) };
  });
}

function partsOf(content: unknown): Part[] {
  if (typeof content === 'string') return [{ type: 'text', content }];
  if (!Array.isArray(content)) return [];
  return content.map((part: unknown) => {
    const { type, text } = (part ?? {}) as Record<string, unknown>;
    if (typeof text === 'string') return { type: 'text', content: text };
    return { type: typeof type === 'string' ? type : 'other' };
  });
}
