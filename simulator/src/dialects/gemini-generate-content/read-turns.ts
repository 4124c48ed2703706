// The contents of a request as turns, in the order that the provider wants.
import { type Body, fields, readList, readMessage, refuse } from './read-fields.ts';
import { readPart } from './read-part.ts';
import { type Part, partsWith, type Turn } from './turn.ts';

const CONTENT_FIELDS = fields('role parts');

export function readTurns({ contents }: Body): readonly Turn[] {
  const list = readList(contents);
  if (list.length === 0) refuse('* GenerateContentRequest.contents: contents is not specified');
  const turns: Turn[] = [];
  for (const [index, content] of list.entries()) {
    const path = `contents[${index}]`;
    const message = readMessage(content, path, CONTENT_FIELDS);
    const parts = readParts(message, path);
    const role = readRole(message.role);
    const last = turns.at(-1);
    if (last?.role === role) last.parts.push(...parts);
    else turns.push({ role, position: index + 1, parts });
  }
  checkOrder(turns);
  return turns;
}

export function readSystem({ systemInstruction }: Body): readonly Part[] {
  if (systemInstruction === undefined) return [];
  if (typeof systemInstruction === 'string') return [{ path: 'system_instruction', body: { text: systemInstruction } }];
  return readParts(readMessage(systemInstruction, 'system_instruction', CONTENT_FIELDS), 'system_instruction');
}

function readParts({ parts }: Body, path: string): Part[] {
  const list = readList(parts);
  if (list.length === 0) refuse(`* GenerateContentRequest.${path}.parts: contents.parts must not be empty.`);
  return list.map((part, index) => readPart(part, `${path}.parts[${index}]`));
}

/** Without a role it is the user. `function` is from the first versions and still accepted. */
function readRole(role: unknown): 'user' | 'model' {
  if (role === 'model') return 'model';
  return role === undefined || role === 'user' || role === 'function'
    ? 'user'
    : refuse('Please use a valid role: user, model.');
}

/** The user begins. Every function call must be answered in the next turn, and every response must follow its call. */
function checkOrder(turns: readonly Turn[]): void {
  for (const [index, turn] of turns.entries()) {
    const calls = partsWith(turn, 'functionCall');
    if (index === 0 && turn.role === 'model') {
      refuse(
        calls.length > 0
          ? 'Please ensure that function call turn comes immediately after a user turn or after a function response turn.'
          : 'Please ensure that multiturn requests start with a user turn.',
      );
    }
    const responses = partsWith(turns[index + 1], 'functionResponse');
    if (calls.length === responses.length) continue;
    refuse(
      calls.length === 0
        ? 'Please ensure that function response turn comes immediately after a function call turn.'
        : 'Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.',
    );
  }
  if (partsWith(turns[0], 'functionResponse').length > 0) {
    refuse('Please ensure that function response turn comes immediately after a function call turn.');
  }
}
