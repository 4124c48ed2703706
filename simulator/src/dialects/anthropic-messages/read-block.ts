// One content block: its type, the roles that may send it, its members. Source: docs/reference/anthropic-messages.md section 2.
import {
  at,
  type Body,
  isAbsent,
  readFlag,
  readList,
  readObject,
  readOneOf,
  readStrictObject,
  readText,
  refuse,
} from './read-fields.ts';
import type { Block, Role } from './turn.ts';
import type { Version } from './versions.ts';

export interface BlockPlace {
  path: string;
  role: Role;
  version: Version;
}

interface BlockRule {
  members: ReadonlySet<string>;
  roles: readonly Role[];
  check(block: Body, place: BlockPlace): void;
}

function rule(members: string, roles: readonly Role[], check: BlockRule['check']): BlockRule {
  return { members: new Set(['type', 'cache_control', ...members.split(' ')]), roles, check };
}

const EVERYONE: readonly Role[] = ['user', 'assistant', 'system'];
const TOOL_ID = /^[a-zA-Z0-9_-]+$/;
const IMAGE_TYPES = ['image/jpeg', 'image/png', 'image/gif', 'image/webp'];

const RULES: Readonly<Record<string, BlockRule>> = {
  text: rule('text citations', EVERYONE, checkText),
  image: rule('source', ['user'], ({ source }, { path }) => checkSource(source, at(path, 'image.source'), IMAGE_TYPES)),
  document: rule('source title context citations', ['user', 'assistant'], checkDocument),
  search_result: rule('source title content citations', ['user'], (block, { path }) => {
    readText(block.source, at(path, 'search_result.source'));
    readText(block.title, at(path, 'search_result.title'));
  }),
  tool_use: rule('id name input caller', ['assistant'], checkToolUse),
  tool_result: rule('tool_use_id content is_error', ['user'], checkToolResult),
  thinking: rule('thinking signature', ['assistant'], (block, { path }) => {
    readText(block.thinking, at(path, 'thinking.thinking'));
    readText(block.signature, at(path, 'thinking.signature'));
  }),
  redacted_thinking: rule('data', ['assistant'], (block, { path }) => {
    readText(block.data, at(path, 'redacted_thinking.data'));
  }),
};

/** Blocks of server tools and betas, which are accepted and ignored. */
const UNREAD =
  /^(server_tool_use|mcp_tool_use|container_upload|compaction|tool_reference|fallback|.+_tool_result|.+_tool_result_error)$/;

export function readBlock(value: unknown, place: BlockPlace): Block {
  const { path, role } = place;
  const { type } = readObject(value, path);
  if (typeof type !== 'string') return refuse(at(path, 'type'), 'Field required');
  const known = Object.hasOwn(RULES, type) ? RULES[type] : undefined;
  if (known === undefined) {
    if (UNREAD.test(type)) return { type, body: value as Body, path };
    const tags = Object.keys(RULES).map((tag) => `'${tag}'`);
    refuse(path, `Input tag '${type}' found using 'type' does not match any of the expected tags: ${tags.join(', ')}`);
  }
  const body = readStrictObject(value, at(path, type), known.members);
  if (!known.roles.includes(role)) {
    refuse(path, `\`${type}\` blocks can only be specified in \`${known.roles[0]}\` messages`);
  }
  known.check(body, place);
  return { type, body, path };
}

function checkText({ text, citations }: Body, { path, role, version }: BlockPlace): void {
  if (readText(text, at(path, 'text.text')) === '') refuse('messages', 'text content blocks must be non-empty');
  const isCited = Array.isArray(citations) && citations.length > 0;
  if (isCited && role === 'user' && version !== '2023-06-01') {
    refuse(at(path, 'text.citations'), 'Extra inputs are not permitted');
  }
}

function checkDocument({ source }: Body, { path, role, version }: BlockPlace): void {
  if (role === 'assistant' && version !== '2023-06-01') {
    refuse(path, '`document` blocks can only be specified in `user` messages');
  }
  checkSource(source, at(path, 'document.source'), ['application/pdf']);
}

function checkToolUse({ id, name, input }: Body, { path }: BlockPlace): void {
  const inner = at(path, 'tool_use');
  checkToolId(id, at(inner, 'id'));
  readText(name, at(inner, 'name'));
  readObject(input, at(inner, 'input'));
}

/** Ids of other providers may have other characters, and must have been rewritten by the broker. */
function checkToolId(id: unknown, path: string): void {
  if (!TOOL_ID.test(readText(id, path))) refuse(path, `String should match pattern '${TOOL_ID.source}'`);
}

const RESULT_TYPES = ['text', 'image', 'document', 'search_result', 'tool_reference'];

function checkToolResult(result: Body, { path, version }: BlockPlace): void {
  const inner = at(path, 'tool_result');
  checkToolId(result.tool_use_id, at(inner, 'tool_use_id'));
  readFlag(result.is_error, at(inner, 'is_error'));
  const { content } = result;
  if (isAbsent(content) || typeof content === 'string') return;
  if (!Array.isArray(content)) refuse(at(inner, 'content'), 'Input should be a valid list');
  for (const [index, part] of content.entries()) {
    const partPath = `${inner}.content.${index}`;
    readOneOf(readObject(part, partPath).type, at(partPath, 'type'), RESULT_TYPES);
    readBlock(part, { path: partPath, role: 'user', version });
  }
}

// Where an image or a document comes from: its bytes, an address, a file of the Files API, or text.

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** `mediaTypes` are those of bytes. Only documents, which take PDF, may be text or content blocks. */
export function checkSource(value: unknown, path: string, mediaTypes: readonly string[]): void {
  const source = readObject(value, path);
  const isDocument = mediaTypes.includes('application/pdf');
  const types = ['base64', 'url', 'file', ...(isDocument ? ['text', 'content'] : [])];
  const type = readOneOf(source.type, at(path, 'type'), types);
  const inner = at(path, type);
  switch (type) {
    case 'base64':
      readOneOf(source.media_type, at(inner, 'media_type'), mediaTypes);
      if (!BASE64.test(readText(source.data, at(inner, 'data')))) refuse(at(inner, 'data'), 'Invalid base64 data');
      return;
    case 'url':
      if (!readText(source.url, at(inner, 'url')).startsWith('https://')) {
        refuse(at(inner, 'url'), 'Only HTTPS URLs are supported.');
      }
      return;
    case 'file':
      readText(source.file_id, at(inner, 'file_id'));
      return;
    case 'text':
      readOneOf(source.media_type, at(inner, 'media_type'), ['text/plain']);
      readText(source.data, at(inner, 'data'));
      return;
    default:
      if (typeof source.content !== 'string') readList(source.content, at(inner, 'content'));
  }
}
