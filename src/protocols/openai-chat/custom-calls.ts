// Custom tools take free text. Providers without them are told of a function whose one argument, `input`, is that text; a
// client that declared such a tool is shown a call of it as it knows it.
import type { JsonObject } from '../codec.ts';
import { parseChatChunk } from './chunk.ts';
import { isObject } from './request-fields.ts';

export function customToolNames({ tools }: JsonObject): ReadonlySet<string> {
  const declared = Array.isArray(tools) ? tools.filter(isObject) : [];
  const custom = declared.map((tool) => (tool.type === 'custom' && isObject(tool.custom) ? tool.custom.name : null));
  return new Set(custom.filter((name) => typeof name === 'string'));
}

/** What cannot be unwrapped is passed on as it is: the client can make more of it than of nothing. */
export function unwrapInput(wrapped: string): string {
  const { input } = (parseChatChunk(wrapped) ?? {}) as JsonObject;
  return typeof input === 'string' ? input : wrapped;
}
