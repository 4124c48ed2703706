// Reads a Responses request, as strictly as the provider does where a broker could get it wrong, and no further.
import type { Call } from '../../engine/call.ts';
import { invalid } from '../../engine/refusal.ts';
import type { Provider, RequestHead } from '../dialect.ts';
import { checkModel, estimateJson, missing, readBody, readStreamOptions } from '../openai/read-body.ts';
import { type Body, readBoolean, readWholeNumber } from '../read-fields.ts';
import { checkItems } from './check-items.ts';
import { echoRequest } from './echo-request.ts';
import { estimateInput } from './estimate-input.ts';
import type { InputItem } from './input-items.ts';
import { readConversation } from './read-conversation.ts';
import { readInput } from './read-input.ts';
import { readReasoning } from './read-reasoning.ts';
import { readFormat } from './read-text.ts';
import { readToolChoice, readTools } from './read-tools.ts';
import { refuseParameters } from './refuse-parameters.ts';
import { ResponsesVoice } from './responses-voice.ts';

/** The live API's own bound: shorter answers cannot be asked for (seen 2025-11). */
const LEAST_OUTPUT_TOKENS = 16;

export function readResponsesCall(
  value: unknown,
  _: RequestHead,
  provider: Provider,
): { call: Call; voice: ResponsesVoice } {
  const body = readBody(value);
  if (body.model === undefined || body.model === null) throw missing('model');
  const model = checkModel(body.model);
  const { items, instructions, promptTokens } = readPrompt(body, provider);
  const isStream = readBoolean(body, 'stream') ?? false;
  const padsDeltas = readPadding(body, isStream);
  const tools = readTools(body);
  const { effort, ...reasoning } = readReasoning(body, model);
  const call: Call = {
    model,
    isStream,
    promptTokens,
    ...readConversation(items, instructions),
    maxOutputTokens: readWholeNumber(body, 'max_output_tokens', LEAST_OUTPUT_TOKENS, Number.MAX_SAFE_INTEGER),
    choices: 1,
    stop: [],
    seed: null,
    tools,
    toolChoice: readToolChoice(body, tools),
    isToolUseParallel: readBoolean(body, 'parallel_tool_calls') ?? true,
    format: readFormat(body),
    ...reasoning,
  };
  const voice = new ResponsesVoice({ echo: echoRequest(body, model, effort), providerName: provider.name, padsDeltas });
  return { call, voice };
}

export interface Prompt {
  items: readonly InputItem[];
  instructions: string | null;
  promptTokens: number;
}

/** What a request to answer and a request to count have in common. */
export function readPrompt(body: Body, provider: Provider): Prompt {
  refuseParameters(body);
  const instructions = readInstructions(body);
  const items = readInput(body);
  if (items.length === 0 && instructions === null) {
    const message = "One of 'input' or 'previous_response_id' or 'prompt' or 'conversation' must be provided.";
    throw invalid(message, 'input', 'missing_required_parameter');
  }
  checkItems(items, provider.name);
  const promptTokens = estimateInput(items, instructions) + estimateJson(body.tools);
  return { items, instructions, promptTokens };
}

function readInstructions({ instructions }: Body): string | null {
  if (instructions === undefined || instructions === null) return null;
  if (typeof instructions === 'string') return instructions;
  throw invalid("Invalid type for 'instructions': expected a string.", 'instructions', 'invalid_type');
}

/** Usage comes always and cannot be asked for; padding can. The live API pads unless told not to: here it is asked for. */
function readPadding(body: Body, isStream: boolean): boolean {
  const { include_obfuscation: padding, ...others } = readStreamOptions(body, isStream);
  const [unknown] = Object.keys(others);
  if (unknown === undefined) return padding === true;
  const param = `stream_options.${unknown}`;
  throw invalid(`Unknown parameter: '${param}'.`, param, 'unknown_parameter');
}
