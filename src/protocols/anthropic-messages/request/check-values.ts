// Types of the members that a translation reads. Anthropic refuses a wrong one itself; translated, it would be left out or become
// an empty text, and the model would answer another question than the client asked. The words are those of Anthropic's API.
import { asObject } from '#src/protocols/anthropic-messages/loose-json.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import { isExactNumber } from '#src/protocols/wire/exact-json.ts';

type Kind = keyof typeof KINDS;
/** A member with an exclamation mark is required. */
type Members = Readonly<Record<string, Kind | `${Kind}!`>>;
type Fail = (param: string, problem: string) => void;

const isText = (value: unknown) => typeof value === 'string';

const KINDS = {
  text: { fits: isText, name: 'string' },
  number: { fits: (value: unknown) => typeof value === 'number' || isExactNumber(value), name: 'number' },
  object: { fits: (value: unknown) => asObject(value) !== null, name: 'dictionary' },
  list: { fits: Array.isArray, name: 'list' },
  texts: { fits: (value: unknown) => Array.isArray(value) && value.every(isText), name: 'list of strings' },
  content: { fits: (value: unknown) => isText(value) || Array.isArray(value), name: 'string or list' },
} as const;

const REQUEST: Members = {
  max_tokens: 'number',
  temperature: 'number',
  top_p: 'number',
  top_k: 'number',
  stop_sequences: 'texts',
  tools: 'list',
  tool_choice: 'object',
  thinking: 'object',
  output_config: 'object',
  output_format: 'object',
  metadata: 'object',
  service_tier: 'text',
};

const WITHIN: Readonly<Record<string, Members>> = {
  thinking: { budget_tokens: 'number', display: 'text' },
  output_config: { effort: 'text', format: 'object' },
  metadata: { user_id: 'text' },
  tool_choice: { name: 'text' },
};

/** By the type of a content block. */
const BLOCKS: Readonly<Record<string, Members>> = {
  text: { text: 'text!' },
  image: { source: 'object!' },
  document: { source: 'object!', title: 'text' },
  search_result: { source: 'text', title: 'text', content: 'list!' },
  tool_use: { id: 'text!', name: 'text!', input: 'object' },
  tool_result: { tool_use_id: 'text!', content: 'content' },
  thinking: { thinking: 'text!', signature: 'text' },
  redacted_thinking: { data: 'text!' },
};

/** By the type of a source. */
const SOURCES: Readonly<Record<string, Members>> = {
  base64: { media_type: 'text!', data: 'text!' },
  url: { url: 'text!' },
  file: { file_id: 'text!' },
  text: { data: 'text!' },
  content: { content: 'content!' },
};

const TOOL: Members = { name: 'text', description: 'text', input_schema: 'object' };

/** Members outside of the content. `fail` is called with each that has a wrong type; null and absent ones are their defaults. */
export function checkMembers(body: JsonObject, fail: Fail): void {
  check(body, '', REQUEST, fail);
  for (const [name, members] of Object.entries(WITHIN)) check(asObject(body[name]), name, members, fail);
  const formats = { 'output_config.format': asObject(body.output_config)?.format, output_format: body.output_format };
  for (const [path, format] of Object.entries(formats)) check(asObject(format), path, { schema: 'object' }, fail);
}

export function checkTool(tool: unknown, path: string, fail: Fail): void {
  if (asObject(tool) === null) fail(path, 'Input should be a valid dictionary');
  check(asObject(tool), path, TOOL, fail);
}

export function checkBlock(block: JsonObject, path: string, fail: Fail): void {
  const { type, source } = block;
  check(block, path, membersOf(BLOCKS, type), fail);
  if (type === 'image' || type === 'document') {
    const object = asObject(source);
    check(object, `${path}.source`, membersOf(SOURCES, object?.type), fail);
  }
}

function membersOf(table: Readonly<Record<string, Members>>, type: unknown): Members {
  return typeof type === 'string' && Object.hasOwn(table, type) ? table[type]! : {};
}

function check(object: JsonObject | null, path: string, members: Members, fail: Fail): void {
  if (object === null) return;
  for (const [name, kind] of Object.entries(members)) {
    const param = path === '' ? name : `${path}.${name}`;
    const { fits, name: expected } = KINDS[kind.replace('!', '') as Kind];
    const value = object[name];
    if (value === undefined || value === null) {
      if (kind.endsWith('!')) fail(param, 'Field required');
    } else if (!fits(value)) fail(param, `Input should be a valid ${expected}`);
  }
}
