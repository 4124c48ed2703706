// Members of a request that no other protocol can carry, by the client's own path, so that each is named as dropped.
import type { JsonObject } from '../codec.ts';
import { isObject, objectsOf } from '../wire/loose-json.ts';

/** Members that are translated, or that the broker itself answers. */
const CARRIED = new Set([
  ...['model', 'input', 'instructions', 'max_output_tokens', 'temperature', 'top_p', 'top_logprobs'],
  ...['parallel_tool_calls', 'text', 'reasoning', 'tools', 'tool_choice', 'metadata', 'safety_identifier', 'user'],
  ...['service_tier', 'include', 'extra_body', 'models', 'provider'],
  // No padding is ever sent, which is all that `stream_options` can ask for.
  ...['stream', 'stream_options'],
]);

/** Values that ask for nothing: left out, they change nothing. */
const ASKS_FOR_NOTHING: Readonly<Record<string, unknown>> = {
  store: false,
  background: false,
  truncation: 'disabled',
  'reasoning.context': 'auto',
  'reasoning.mode': 'standard',
};

/** Members of objects that are translated in part. */
const CARRIED_WITHIN: Readonly<Record<string, ReadonlySet<string>>> = {
  text: new Set(['format', 'verbosity']),
  reasoning: new Set(['effort', 'summary', 'generate_summary']),
};

/** What a client may ask to have included that it gets anyway, or that is translated. */
const CARRIED_INCLUDES = new Set(['reasoning.encrypted_content', 'message.output_text.logprobs']);

/** Of a tool that is translated, the members that only OpenAI knows. */
const TOOL_EXTRAS = ['defer_loading', 'allowed_callers', 'output_schema', 'async'];

export function findUnmapped(body: JsonObject): Record<string, unknown> {
  const unmapped: Record<string, unknown> = {};
  const note = (path: string, value: unknown): void => {
    if (value !== undefined && value !== null && ASKS_FOR_NOTHING[path] !== value) unmapped[path] = value;
  };
  for (const [key, value] of Object.entries(body)) if (!CARRIED.has(key)) note(key, value);
  for (const [parent, carried] of Object.entries(CARRIED_WITHIN)) {
    const inner = body[parent];
    if (!isObject(inner)) continue;
    for (const [key, value] of Object.entries(inner)) if (!carried.has(key)) note(`${parent}.${key}`, value);
  }
  const includes = Array.isArray(body.include) ? body.include.filter((name) => !CARRIED_INCLUDES.has(name)) : [];
  if (includes.length > 0) unmapped.include = includes;
  // A limit on hosted tools is a limit on the search where that is the one there is.
  if (objectsOf(body.tools).some(({ type }) => String(type).startsWith('web_search'))) delete unmapped.max_tool_calls;
  const tools = objectsOf(body.tools).flatMap((tool) => [tool, ...objectsOf(tool.tools)]);
  for (const tool of tools) for (const key of TOOL_EXTRAS) note(`tools.${key}`, tool[key]);
  return unmapped;
}
