// JSON output together with functions, for models that accept only one of the two (before Gemini 3: 400 "Function calling with
// a response mime type: 'application/json' is unsupported"). The model must call a function, and an added function takes the
// answer; its call is turned back into the answer's text. The decoder does not know the request, so the name encodes the form.
import type { FunctionTool, InferenceRequest, OutputFormat, ToolChoice } from '../../contracts/inference-request.ts';
import { type JsonObject, RefusalError } from '../codec.ts';
import type { GeminiModel } from './models.ts';
import { isEmptyObject, mustCall } from './request/encode-tools.ts';
import { asText } from './wire-values.ts';

/** Its arguments are the answer. */
const OBJECT = 'sluice_json_answer';
/** Arguments are an object: any other value is a member of it. */
const VALUE = 'sluice_json_value';
/** For JSON without a schema, because functions must declare every member. */
const TEXT = 'sluice_json_text';

const DESCRIPTION = 'Gives the final answer. Call it once no other function has to be called.';

/** Throws a RefusalError for JSON together with a web search, which needs a model that accepts both. */
export function withAnswerFunction(request: InferenceRequest, model: GeminiModel): InferenceRequest {
  const { output, tools, toolChoice, webSearch } = request;
  if (output === undefined || output.kind === 'text' || model.isGemini3) return request;
  if (webSearch !== undefined) {
    throw new RefusalError('output', 'does not support JSON output together with a web search with this model');
  }
  if (tools.length === 0) return request;
  if (isWithoutTools(toolChoice)) return withoutTools(request);
  const { output: _, ...rest } = request;
  // A model that must call one of the client's functions writes no other answer.
  if (mustCall(toolChoice)) return rest;
  const answer = answerFunction(output);
  return { ...rest, tools: [...tools, answer], toolChoice: choiceWith(answer, toolChoice) };
}

function isWithoutTools(choice: ToolChoice | undefined): boolean {
  return choice?.kind === 'none' || (choice?.kind === 'allowed' && choice.tools.length === 0);
}

function withoutTools({ toolChoice: _, ...request }: InferenceRequest): InferenceRequest {
  return { ...request, tools: [] };
}

function choiceWith({ name }: FunctionTool, choice: ToolChoice | undefined): ToolChoice {
  if (choice?.kind !== 'allowed') return { kind: 'required' };
  return { kind: 'allowed', tools: [...choice.tools, { name }], isRequired: true };
}

function answerFunction(output: Exclude<OutputFormat, { kind: 'text' }>): FunctionTool {
  const description = output.kind === 'json-schema' && output.description ? output.description : DESCRIPTION;
  return { kind: 'function', description, ...answerForm(output) };
}

function answerForm(output: Exclude<OutputFormat, { kind: 'text' }>): { name: string; parameters: JsonObject } {
  if (output.kind === 'json' || isOpen(output.schema)) {
    const text = { type: 'string', description: `The answer, as JSON.${schemaHint(output)}` };
    return { name: TEXT, parameters: { type: 'object', properties: { text }, required: ['text'] } };
  }
  const { schema } = output;
  if (schema.type === 'object' && schema.$ref === undefined) return { name: OBJECT, parameters: schema };
  const { $defs, definitions, ...value } = schema;
  const hoisted = { ...($defs === undefined ? {} : { $defs }), ...(definitions === undefined ? {} : { definitions }) };
  return { name: VALUE, parameters: { type: 'object', properties: { value }, required: ['value'], ...hoisted } };
}

/** An object whose members are not declared. */
function isOpen(schema: JsonObject): boolean {
  return (schema.type === 'object' || schema.type === undefined) && schema.enum === undefined && isEmptyObject(schema);
}

function schemaHint(output: OutputFormat): string {
  if (output.kind !== 'json-schema' || Object.keys(output.schema).length === 0) return '';
  return ` It fits this JSON schema: ${JSON.stringify(output.schema)}`;
}

/** The text of an answer that came as a call; null for a call of the client's own functions. */
export function answerTextOf({ name, args }: JsonObject): string | null {
  const values = (args ?? {}) as JsonObject;
  switch (name) {
    case OBJECT:
      return JSON.stringify(values);
    case VALUE:
      return JSON.stringify(values.value ?? null);
    case TEXT:
      return asText(values.text) ?? JSON.stringify(values);
    default:
      return null;
  }
}
