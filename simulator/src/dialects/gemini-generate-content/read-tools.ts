// Function declarations and the choice between them. Server tools are accepted and never called.
import type { Tool, ToolChoice } from '../../engine/call.ts';
import { checkSchema } from './check-schema.ts';
import type { ModelTraits } from './model-traits.ts';
import { type Body, fields, readEnum, readFlag, readList, readMessage, readText, refuse } from './read-fields.ts';

const TOOL_FIELDS = fields(
  'functionDeclarations googleSearch googleSearchRetrieval urlContext codeExecution computerUse fileSearch googleMaps mcpServers',
);
const DECLARATION_FIELDS = fields(
  'name description parameters parametersJsonSchema response responseJsonSchema behavior',
);
const NAME = /^[A-Za-z_][A-Za-z0-9_.:-]{0,127}$/;

export interface ReadTools {
  functions: readonly Tool[];
  /** Whether some of the tools are the provider's own. */
  hasServerTools: boolean;
}

export function readTools({ tools }: Body): ReadTools {
  const messages = readList(tools).map((tool, index) => readMessage(tool, `tools[${index}]`, TOOL_FIELDS));
  const functions = messages.flatMap(({ functionDeclarations: list }, index) =>
    readList(list).map((item, position) => readFunction(item, `tools[${index}].function_declarations[${position}]`)),
  );
  const repeated = functions.find(({ name }, index) => functions.findIndex((other) => other.name === name) < index);
  if (repeated !== undefined) refuse(`Duplicate function declaration found: ${repeated.name}`);
  return { functions, hasServerTools: messages.some((tool) => hasServerTool(tool)) };
}

function hasServerTool({ functionDeclarations: _, ...others }: Body): boolean {
  return Object.keys(others).length > 0;
}

function readFunction(value: unknown, path: string): Tool {
  const declaration = readMessage(value, path, DECLARATION_FIELDS);
  const name = readText(declaration.name, `${path}.name`) ?? '';
  if (!NAME.test(name)) {
    refuse(
      `* GenerateContentRequest.${path}.name: [FIELD_INVALID] Invalid function name. Must start with a letter or an ` +
        'underscore. Must be alphanumeric (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), or dashes (-), with a ' +
        'maximum length of 128.',
    );
  }
  const { parameters, parametersJsonSchema } = declaration;
  if (parameters !== undefined && parametersJsonSchema !== undefined) {
    refuse(`* GenerateContentRequest.${path}: only one of parameters and parameters_json_schema may be set`);
  }
  if (parameters !== undefined) checkSchema(parameters, `${path}.parameters`);
  return { name, parameters: parameters ?? parametersJsonSchema ?? null, takesText: false };
}

const CONFIG_FIELDS = fields('functionCallingConfig retrievalConfig includeServerSideToolInvocations');
const CALLING_FIELDS = fields('mode allowedFunctionNames');
const CALLING_PATH = 'tool_config.function_calling_config';
const MODES = ['MODE_UNSPECIFIED', 'AUTO', 'ANY', 'NONE', 'VALIDATED'];

export function readToolChoice(body: Body, traits: ModelTraits, { functions, hasServerTools }: ReadTools): ToolChoice {
  const config = body.toolConfig === undefined ? {} : readMessage(body.toolConfig, 'tool_config', CONFIG_FIELDS);
  const mayMix =
    traits.mixesTools &&
    readFlag(config.includeServerSideToolInvocations, 'tool_config.include_server_side_tool_invocations');
  if (functions.length > 0 && hasServerTools && !mayMix) refuse('Tool use with function calling is unsupported');
  if (config.functionCallingConfig === undefined) return { mode: 'auto', allowed: null };
  return readCalling(readMessage(config.functionCallingConfig, CALLING_PATH, CALLING_FIELDS), functions);
}

function readCalling(calling: Body, functions: readonly Tool[]): ToolChoice {
  const mode = readEnum(calling.mode, `${CALLING_PATH}.mode`, MODES) ?? 'AUTO';
  const names = readList(calling.allowedFunctionNames).map((name) => readText(name, CALLING_PATH) ?? '');
  const isNarrowed = names.length > 0;
  if (isNarrowed && mode !== 'ANY' && mode !== 'VALIDATED') {
    refuse('Allowed function names should only be set when the function calling mode is ANY or VALIDATED.');
  }
  if (mode === 'ANY' && functions.length === 0) {
    refuse('Function calling config is set without function_declarations.');
  }
  const unknown = names.find((name) => !functions.some((tool) => tool.name === name));
  if (unknown !== undefined) refuse(`Allowed function name ${unknown} is not in the function declarations.`);
  const allowed = isNarrowed ? names : null;
  if (mode === 'NONE') return { mode: 'none', allowed };
  return { mode: mode === 'ANY' ? 'required' : 'auto', allowed };
}
