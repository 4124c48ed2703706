// The members of the request that a response repeats, with the provider's defaults for absent ones.
import { type Body, readObject } from '../read-fields.ts';

export type Echo = Readonly<Record<string, unknown>> & { model: string; service_tier: string };

/** @param effort the model's reasoning effort; null if it does not reason. */
export function echoRequest(body: Body, model: string, effort: string | null): Echo {
  const text = readObject(body.text ?? {}, 'text');
  const reasoning = readObject(body.reasoning ?? {}, 'reasoning');
  return {
    background: false,
    instructions: body.instructions ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    max_tool_calls: body.max_tool_calls ?? null,
    metadata: body.metadata ?? {},
    model,
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    previous_response_id: null,
    prompt_cache_key: body.prompt_cache_key ?? null,
    reasoning: { ...reasoning, effort, summary: reasoning.summary ?? null },
    safety_identifier: body.safety_identifier ?? null,
    service_tier: String(body.service_tier ?? 'auto'),
    store: body.store ?? true,
    temperature: body.temperature ?? 1,
    text: { ...text, format: echoFormat(text.format), verbosity: text.verbosity ?? 'medium' },
    tool_choice: body.tool_choice ?? 'auto',
    tools: Array.isArray(body.tools) ? body.tools.map(echoTool) : [],
    top_logprobs: body.top_logprobs ?? 0,
    top_p: body.top_p ?? 1,
    truncation: body.truncation ?? 'disabled',
    ...(typeof body.user === 'string' ? { user: body.user } : {}),
  };
}

/** The tier that served the request: the request may leave the choice to the provider, and `fast` is an old name. */
export function servedTier({ service_tier: asked }: Echo): string {
  if (asked === 'auto') return 'default';
  return asked === 'fast' ? 'priority' : asked;
}

function echoFormat(format: unknown): unknown {
  const given = (format ?? { type: 'text' }) as Body;
  return given.type === 'json_schema' ? { ...given, strict: given.strict ?? false } : given;
}

/** Functions are strict by default, unlike in Chat. */
function echoTool(tool: Body): Body {
  switch (tool.type) {
    case 'function':
      return { description: null, ...tool, parameters: tool.parameters ?? null, strict: tool.strict ?? true };
    case 'custom':
      return { ...tool, format: tool.format ?? { type: 'text' } };
    default:
      return tool;
  }
}
