// Parameters that are refused: those of Chat, which the Responses API refuses by name, and those for stored state, which the
// simulator does not have.
import { invalid, type RefusalError } from '../../engine/refusal.ts';
import type { Body } from '../read-fields.ts';

/** Parameter of Chat → its counterpart in the Responses API; null if there is none. */
const OF_CHAT: Readonly<Record<string, string | null>> = {
  messages: 'input',
  max_tokens: 'max_output_tokens',
  max_completion_tokens: 'max_output_tokens',
  response_format: 'text.format',
  reasoning_effort: 'reasoning.effort',
  verbosity: 'text.verbosity',
  functions: 'tools',
  function_call: 'tool_choice',
  n: null,
  stop: null,
  seed: null,
  logprobs: null,
  logit_bias: null,
  frequency_penalty: null,
  presence_penalty: null,
  modalities: null,
  audio: null,
  prediction: null,
  web_search_options: null,
};

/** Throws a RefusalError. */
export function refuseParameters(body: Body): void {
  for (const [name, place] of Object.entries(OF_CHAT)) {
    if (body[name] !== undefined) throw place === null ? unknown(name) : moved(name, place);
  }
  refuseState(body);
}

function unknown(name: string): RefusalError {
  return invalid(`Unknown parameter: '${name}'.`, name, 'unknown_parameter');
}

function moved(name: string, place: string): RefusalError {
  const message =
    `Unsupported parameter: '${name}'. In the Responses API, this parameter has moved to '${place}'. Try again with the ` +
    'new parameter. See the API documentation for more information: https://platform.openai.com/docs/api-reference/responses/create.';
  return invalid(message, name, 'unsupported_parameter');
}

function refuseState({ previous_response_id: previous, conversation, background, prompt }: Body): void {
  const hasPrevious = previous !== undefined && previous !== null;
  const hasConversation = conversation !== undefined && conversation !== null;
  if (hasPrevious && hasConversation) {
    const names = "'previous_response_id' or 'conversation'";
    const message = `Mutually exclusive parameters: Ensure you are only providing one of: ${names}.`;
    throw invalid(message, null, 'mutually_exclusive_parameters');
  }
  if (hasPrevious) {
    const message = `Previous response with id '${previous}' not found.`;
    throw invalid(message, 'previous_response_id', 'previous_response_not_found');
  }
  if (hasConversation) throw invalid(`Conversation with id '${idOf(conversation)}' not found.`, 'conversation');
  if (background === true) {
    const message = "Unsupported parameter: 'background' is not supported with this model.";
    throw invalid(message, 'background', 'unsupported_parameter');
  }
  if (prompt !== undefined && prompt !== null) throw invalid(`Prompt with id '${idOf(prompt)}' not found.`, 'prompt');
}

function idOf(value: unknown): unknown {
  return typeof value === 'object' ? (value as Body).id : value;
}
