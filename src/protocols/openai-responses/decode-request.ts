// A client's request in canonical form. What has no canonical place is kept by its name in `unmapped`; what would change
// the answer if it were left out is a 400.
import { createFailure, type Failure, FailureError } from '../../contracts/failure.ts';
import type { InferenceRequest, OutputFormat, ReasoningRequest } from '../../contracts/inference-request.ts';
import { type Extras, mergeExtras } from '../call/effective-request.ts';
import type { JsonObject } from '../codec.ts';
import { orFailure, parseMember } from '../openai/parse-member.ts';
import { objectOf, present } from '../wire/loose-json.ts';
import { decodeInput } from './decode-input.ts';
import { decodeToolChoice } from './decode-tools.ts';
import { type Settings, settingsSchema, type TextSettings } from './request-schema.ts';
import { readTools } from './tool-list.ts';
import { findUnmapped } from './unmapped.ts';

/** Never throws for what `readResponsesRequest` has accepted. */
export function decodeResponsesRequest(body: JsonObject): InferenceRequest | Failure {
  return orFailure(() => decode(mergeExtras(body)));
}

function decode({ body, extraKeys }: Extras): InferenceRequest {
  refuseStoredParts(body);
  const unmapped = Object.entries(findUnmapped(body));
  const extraBody = Object.fromEntries(unmapped.filter(([name]) => extraKeys.has(name)));
  const notExtra = Object.fromEntries(unmapped.filter(([name]) => !extraKeys.has(name)));
  const settings = parseMember(settingsSchema, body);
  const { declared, webSearch, leftOut } = readTools(settings);
  const { turns, passedOver } = decodeInput(settings.input ?? '', declared);
  if (settings.instructions) turns.unshift({ role: 'system', parts: [{ kind: 'text', text: settings.instructions }] });
  return {
    turns,
    tools: declared.map(({ definition }) => definition),
    sampling: present({ temperature: settings.temperature, topP: settings.top_p }),
    unmapped: { ...notExtra, ...leftOut, ...passedOver },
    ...present({
      toolChoice: decodeToolChoice(settings.tool_choice ?? null, declared),
      allowsParallelToolCalls: settings.parallel_tool_calls,
      maxOutputTokens: settings.max_output_tokens,
      output: decodeFormat(settings.text),
      reasoning: decodeReasoning(settings),
      endUser: settings.safety_identifier ?? settings.user,
      metadata: settings.metadata,
      serviceTier: settings.service_tier,
      verbosity: settings.text?.verbosity,
      logProbabilities: decodeLogProbabilities(settings),
      webSearch: webSearch && { ...webSearch, ...present({ maxUses: settings.max_tool_calls }) },
      extraBody: Object.keys(extraBody).length === 0 ? undefined : extraBody,
    }),
  };
}

/** What a provider of this protocol may have stored, and no other can know. */
function refuseStoredParts(body: JsonObject): void {
  for (const param of ['conversation', 'prompt']) {
    if (!body[param]) continue;
    const message = `'${param}' is stored at OpenAI and this model is served elsewhere: send its items in 'input'.`;
    throw new FailureError(createFailure('parameter_unsupported', message, { param }));
  }
}

function decodeFormat(text: TextSettings): OutputFormat | undefined {
  const format = text?.format;
  switch (format?.type) {
    case 'text':
      return { kind: 'text' };
    case 'json_object':
      return { kind: 'json' };
    case 'json_schema':
      return {
        kind: 'json-schema',
        schema: objectOf(format.schema),
        ...present({ name: format.name, description: format.description, isStrict: format.strict }),
      };
    case undefined:
      return undefined;
    default: {
      const param = 'text.format.type';
      throw new FailureError(createFailure('request_invalid', `Invalid value for '${param}'.`, { param }));
    }
  }
}

/** A summary is what this API shows of reasoning; without one nothing is shown. */
function decodeReasoning({ reasoning }: Settings): ReasoningRequest | undefined {
  if (!reasoning) return undefined;
  const summary = reasoning.summary ?? reasoning.generate_summary;
  return { ...present({ effort: reasoning.effort }), isShown: summary !== undefined && summary !== null };
}

function decodeLogProbabilities(settings: Settings): number | undefined {
  if (settings.include?.includes('message.output_text.logprobs')) return settings.top_logprobs ?? 0;
  return settings.top_logprobs || undefined;
}
