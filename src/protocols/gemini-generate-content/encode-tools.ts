// Canonical tools and their choice as `tools` and `toolConfig`.
import type { InferenceRequest, ToolChoice, ToolDefinition } from '../../contracts/inference-request.ts';
import type { JsonObject } from '../codec.ts';
import { describeCustom, FREE_TEXT } from '../custom-tools.ts';
import { cleanSchema, isEmptyObject } from './clean-schema.ts';
import type { GeminiModel } from './models.ts';
import { RefusalError } from './refusal.ts';
import { defined } from './wire-values.ts';

/** Throws a RefusalError for a search beside functions, which models before Gemini 3 refuse. */
export function encodeTools(request: InferenceRequest, model: GeminiModel): JsonObject {
  const { tools, toolChoice, webSearch } = request;
  const encoded: JsonObject[] = [];
  if (webSearch !== undefined) encoded.push({ googleSearch: {} });
  if (tools.length > 0) encoded.push({ functionDeclarations: tools.map(encodeFunction) });
  if (encoded.length === 0) {
    if (mustCall(toolChoice)) throw new RefusalError('toolChoice', 'needs tools to choose from');
    return {};
  }
  const isMixed = encoded.length > 1;
  if (isMixed && !model.isGemini3) {
    throw new RefusalError('webSearch', 'cannot search the web and call functions in one request with this model');
  }
  const calling = tools.length === 0 ? undefined : encodeChoice(toolChoice, tools, isMixed);
  const config = defined({
    functionCallingConfig: calling,
    // Wanted wherever the two are mixed (docs/reference/gemini-generate-content.md section 4).
    includeServerSideToolInvocations: isMixed ? true : undefined,
  });
  return { tools: encoded, ...(Object.keys(config).length === 0 ? {} : { toolConfig: config }) };
}

function encodeFunction(tool: ToolDefinition): JsonObject {
  const parameters = tool.kind === 'custom' ? FREE_TEXT : tool.parameters;
  const isTaken = parameters !== undefined && !isEmptyObject(parameters);
  return {
    name: tool.name,
    description: (tool.kind === 'custom' ? describeCustom(tool) : tool.description) ?? '',
    ...(isTaken ? { parametersJsonSchema: cleanSchema(parameters) } : {}),
  };
}

function mustCall(choice: ToolChoice | undefined): boolean {
  return choice?.kind === 'allowed' ? choice.isRequired : choice?.kind === 'required' || choice?.kind === 'tool';
}

/** `VALIDATED` leaves the choice to the model and holds calls to their schemas: the nearest to strict functions. */
function encodeChoice(
  choice: ToolChoice | undefined,
  tools: readonly ToolDefinition[],
  isMixed: boolean,
): JsonObject | undefined {
  const isStrict = tools.some((tool) => tool.kind === 'function' && tool.isStrict === true);
  switch (choice?.kind) {
    case 'none':
      return { mode: 'NONE' };
    case 'required':
      return { mode: 'ANY' };
    case 'tool':
      return { mode: 'ANY', allowedFunctionNames: [choice.name] };
    case 'allowed':
      // An empty list would allow all of them.
      if (choice.tools.length === 0) return { mode: 'NONE' };
      return {
        mode: choice.isRequired ? 'ANY' : 'VALIDATED',
        allowedFunctionNames: choice.tools.map(({ name }) => name),
      };
    case 'auto':
      return { mode: isStrict || isMixed ? 'VALIDATED' : 'AUTO' };
    case undefined:
      return isStrict || isMixed ? { mode: 'VALIDATED' } : undefined;
  }
}
