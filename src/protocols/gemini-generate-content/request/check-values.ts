// Types of the members that a translation reads. A provider of Gemini's own protocol refuses a wrong one itself; translated, it
// would be left out, and the model would answer a shorter question than the client asked.
import { createFailure, FailureError } from '#src/contracts/failure.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import {
  asNumber,
  asObject,
  asObjects,
  asRepeated,
  field,
} from '#src/protocols/gemini-generate-content/wire-values.ts';

type Kind = keyof typeof EXPECTED;
type Members = Readonly<Record<string, Kind>>;

const EXPECTED = {
  text: 'a string',
  number: 'a number',
  object: 'an object',
  objects: 'a list of objects',
  texts: 'a list of strings',
  jsonSchema: 'an object or a boolean',
} as const;

const isText = (value: unknown) => typeof value === 'string';
const isObject = (value: unknown) => asObject(value) !== null;

const FITS: Readonly<Record<Kind, (value: unknown) => boolean>> = {
  text: isText,
  number: (value) => asNumber(value) !== undefined,
  object: isObject,
  objects: (value) => asRepeated(value).every(isObject),
  texts: (value) => asRepeated(value).every(isText),
  // `true` is the JSON Schema of every value, `false` that of none.
  jsonSchema: (value) => isObject(value) || typeof value === 'boolean',
};

const REQUEST: Members = { contents: 'objects', generationConfig: 'object', tools: 'objects', toolConfig: 'object' };
const CONTENT: Members = { role: 'text', parts: 'objects' };
const PART: Members = {
  text: 'text',
  inlineData: 'object',
  fileData: 'object',
  functionCall: 'object',
  functionResponse: 'object',
  executableCode: 'object',
  codeExecutionResult: 'object',
};
const WITHIN_PART: Readonly<Record<string, Members>> = {
  inlineData: { mimeType: 'text', data: 'text' },
  fileData: { mimeType: 'text', fileUri: 'text' },
  functionCall: { id: 'text', name: 'text', args: 'object' },
  functionResponse: { id: 'text', name: 'text', response: 'object', parts: 'objects' },
  executableCode: { code: 'text' },
  codeExecutionResult: { output: 'text' },
};
const CONFIG: Members = {
  ...Object.fromEntries(
    'temperature topP topK seed presencePenalty frequencyPenalty maxOutputTokens candidateCount logprobs'
      .split(' ')
      .map((name) => [name, 'number'] as const),
  ),
  stopSequences: 'texts',
  responseModalities: 'texts',
  responseMimeType: 'text',
  responseSchema: 'object',
  responseJsonSchema: 'jsonSchema',
  thinkingConfig: 'object',
  imageConfig: 'object',
  speechConfig: 'object',
};
const FUNCTION: Members = {
  name: 'text',
  description: 'text',
  parameters: 'object',
  parametersJsonSchema: 'jsonSchema',
};
const CALLING: Members = { mode: 'text', allowedFunctionNames: 'texts' };

/** Throws a FailureError that names the first member of a wrong type. Null and absent members are their defaults. */
export function checkValues(body: JsonObject): void {
  check(body, '', REQUEST);
  for (const [index, content] of asObjects(body.contents).entries()) checkContent(content, `contents[${index}]`);
  const instruction = field(body, 'systemInstruction');
  if (instruction !== undefined && !isText(instruction)) checkInstruction(instruction);
  const config = asObject(field(body, 'generationConfig'));
  check(config, 'generationConfig', CONFIG);
  check(asObject(field(config, 'thinkingConfig')), 'generationConfig.thinkingConfig', {
    thinkingBudget: 'number',
    thinkingLevel: 'text',
  });
  for (const [index, tool] of asObjects(body.tools).entries()) checkTool(tool, `tools[${index}]`);
  const toolConfig = asObject(field(body, 'toolConfig'));
  check(toolConfig, 'toolConfig', { functionCallingConfig: 'object' });
  const calling = asObject(field(toolConfig, 'functionCallingConfig'));
  check(calling, 'toolConfig.functionCallingConfig', CALLING);
}

/** A Content, a text, or a list of parts. */
function checkInstruction(instruction: unknown): void {
  const path = 'systemInstruction';
  if (!isObject(instruction) && !Array.isArray(instruction)) throw invalid(path, EXPECTED.object);
  checkContent(Array.isArray(instruction) ? { parts: instruction } : asObject(instruction)!, path);
}

function checkContent(content: JsonObject, path: string): void {
  check(content, path, CONTENT);
  for (const [index, part] of asObjects(content.parts).entries()) {
    const at = `${path}.parts[${index}]`;
    check(part, at, PART);
    for (const [name, members] of Object.entries(WITHIN_PART)) {
      check(asObject(field(part, name)), `${at}.${name}`, members);
    }
  }
}

function checkTool(tool: JsonObject, path: string): void {
  check(tool, path, { functionDeclarations: 'objects' });
  const declarations = asObjects(field(tool, 'functionDeclarations'));
  for (const [index, declaration] of declarations.entries()) {
    check(declaration, `${path}.functionDeclarations[${index}]`, FUNCTION);
  }
}

function check(object: JsonObject | null, path: string, members: Members): void {
  if (object === null) return;
  for (const [name, kind] of Object.entries(members)) {
    const value = field(object, name);
    if (value !== undefined && !FITS[kind](value))
      throw invalid(path === '' ? name : `${path}.${name}`, EXPECTED[kind]);
  }
}

function invalid(param: string, expected: string): FailureError {
  const message = `Invalid value for '${param}': expected ${expected}.`;
  return new FailureError(createFailure('request_invalid', message, { param }));
}
