// The input of a Responses request, item by item. Wire facts: docs/reference/openai-responses.md section 2; the
// messages of refusals are those of recorded answers.
import { invalid, RefusalError } from '../../engine/refusal.ts';
import { missing, unsupported } from '../openai/read-body.ts';
import { type Body, readObject } from '../read-fields.ts';
import { type InputItem, ROLES, type Role } from './input-items.ts';
import { readContent, readToolOutput } from './read-parts.ts';
import { openReasoning } from './sealed-reasoning.ts';

/** Empty if absent: a request may consist of instructions alone. */
export function readInput({ input }: Body): readonly InputItem[] {
  if (input === undefined || input === null) return [];
  if (typeof input === 'string') {
    return [{ kind: 'message', role: 'user', parts: [{ type: 'input_text', text: input, body: {} }] }];
  }
  if (!Array.isArray(input)) {
    const message = "Invalid type for 'input': expected one of a string or array of input items.";
    throw invalid(message, 'input', 'invalid_type');
  }
  return input.map((item, index) => readItem(readObject(item, `input[${index}]`), `input[${index}]`));
}

type ReadItem = (item: Body, param: string) => InputItem;

const READERS: Readonly<Record<string, ReadItem>> = {
  message: readMessage,
  function_call: (item, param) => readCall(item, param, 'fc', 'arguments'),
  custom_tool_call: (item, param) => readCall(item, param, 'ctc', 'input'),
  function_call_output: readOutput,
  custom_tool_call_output: readOutput,
  reasoning: readReasoning,
  item_reference: readReference,
};

/** Items of hosted tools and of compaction: accepted without checks. */
const OTHERS = new Set([
  'file_search_call',
  'web_search_call',
  'computer_call',
  'computer_call_output',
  'image_generation_call',
  'code_interpreter_call',
  'local_shell_call',
  'local_shell_call_output',
  'shell_call',
  'shell_call_output',
  'apply_patch_call',
  'apply_patch_call_output',
  'mcp_list_tools',
  'mcp_call',
  'mcp_approval_request',
  'mcp_approval_response',
  'tool_search_call',
  'tool_search_output',
  'additional_tools',
  'program',
  'program_output',
  'compaction',
  'compaction_trigger',
  'configuration_update',
]);

function readItem(item: Body, param: string): InputItem {
  // The type of messages and references is optional.
  const type = item.type ?? (item.role === undefined && item.id !== undefined ? 'item_reference' : 'message');
  if (OTHERS.has(String(type))) return { kind: 'other' };
  const read = READERS[String(type)];
  if (read === undefined) throw unsupported(type, param, [...Object.keys(READERS), ...OTHERS]);
  return read(item, param);
}

function readMessage(item: Body, param: string): InputItem {
  if (item.role === undefined) throw missing(`${param}.role`);
  if (!ROLES.includes(item.role as Role)) throw unsupported(item.role, `${param}.role`, ROLES);
  const role = item.role as Role;
  if (role === 'assistant') checkId(item, param, 'msg');
  return { kind: 'message', role, parts: readContent(item.content, role, `${param}.content`) };
}

function readCall(item: Body, param: string, prefix: string, inputMember: 'arguments' | 'input'): InputItem {
  checkId(item, param, prefix);
  const callId = needString(item, 'call_id', param);
  return { kind: 'call', callId, name: needString(item, 'name', param), input: needString(item, inputMember, param) };
}

function readOutput(item: Body, param: string): InputItem {
  const callId = needString(item, 'call_id', param);
  return { kind: 'output', callId, parts: readToolOutput(item.output, `${param}.output`) };
}

/** Without encrypted content there is only an id, and the simulator stores no items. */
function readReasoning(item: Body, param: string): InputItem {
  checkId(item, param, 'rs');
  if (!Array.isArray(item.summary)) throw missing(`${param}.summary`);
  const id = typeof item.id === 'string' ? item.id : null;
  const sealed = item.encrypted_content;
  if (typeof sealed === 'string') return { kind: 'reasoning', id, sealed };
  if (id !== null) throw notKept(id);
  return { kind: 'reasoning', id, sealed: null };
}

function readReference(item: Body, param: string): InputItem {
  throw notKept(needString(item, 'id', param));
}

function notKept(id: string): RefusalError {
  const message =
    `Item with id '${id}' not found. Items are not persisted when \`store\` is set to false. Try again with \`store\` ` +
    'set to true, or remove this item from your input.';
  return new RefusalError({ kind: 'invalid', message, param: 'input', code: null, status: 404 });
}

function needString(item: Body, member: string, param: string): string {
  const value = item[member];
  const name = `${param}.${member}`;
  if (value === undefined || value === null) throw missing(name);
  if (typeof value !== 'string') {
    throw invalid(`Invalid type for '${name}': expected a string.`, name, 'invalid_type');
  }
  return value;
}

/** Detects a `call_id`, or the id of another protocol's message, in place of an item's id. */
function checkId({ id }: Body, param: string, prefix: string): void {
  if (id === undefined || id === null || String(id).startsWith(prefix)) return;
  const message = `Invalid '${param}.id': '${id}'. Expected an ID that begins with '${prefix}'.`;
  throw invalid(message, `${param}.id`, 'invalid_value');
}

/**
 * Checks relations between items: every call has a result and every result a call, reasoning is followed by its item, and
 * encrypted content is genuine. Throws a RefusalError.
 */
export function checkItems(items: readonly InputItem[], providerName: string): void {
  checkReasoning(items, providerName);
  checkCalls(items);
}

function checkReasoning(items: readonly InputItem[], providerName: string): void {
  for (const [index, item] of items.entries()) {
    if (item.kind !== 'reasoning') continue;
    if (item.sealed !== null && openReasoning(item.sealed, providerName) === null) throw notVerified(item.sealed);
    if (item.id !== null && !isOfTheModel(items[index + 1])) {
      const message = `Item '${item.id}' of type 'reasoning' was provided without its required following item.`;
      throw invalid(message, 'input');
    }
  }
}

function isOfTheModel(item: InputItem | undefined): boolean {
  if (item === undefined || item.kind === 'output') return false;
  return item.kind !== 'message' || item.role === 'assistant';
}

/** The message of 2026-06; before, it ended after "verified". */
function notVerified(sealed: string): RefusalError {
  const shown = sealed.length <= 8 ? sealed : `${sealed.slice(0, 4)}...${sealed.slice(-4)}`;
  return new RefusalError({
    kind: 'invalid',
    message: `The encrypted content ${shown} could not be verified. Reason: Encrypted content could not be decrypted or parsed.`,
    param: null,
    code: 'invalid_encrypted_content',
  });
}

function checkCalls(items: readonly InputItem[]): void {
  const open = new Set<string>();
  const called = new Set<string>();
  for (const item of items) {
    if (item.kind === 'call') {
      open.add(item.callId);
      called.add(item.callId);
    } else if (item.kind === 'output') {
      if (!called.has(item.callId)) {
        throw invalid(`No tool call found for function call output with call_id ${item.callId}.`, 'input');
      }
      open.delete(item.callId);
    }
  }
  for (const callId of open) throw invalid(`No tool output found for function call ${callId}.`, 'input');
}
