// Tools of a request and the choice between them, decoded.
import type { FunctionTool, InferenceRequest, ToolChoice, WebSearch } from '../../contracts/inference-request.ts';
import type { JsonObject } from '../codec.ts';
import { readCacheControl } from './cache-breakpoints.ts';
import type { Decoding } from './decoding.ts';
import { asList, asNumber, asObject, asText, defined } from './loose-json.ts';

type Tools = Pick<InferenceRequest, 'tools' | 'toolChoice' | 'allowsParallelToolCalls' | 'webSearch'>;

export function decodeTools({ tools, tool_choice: choice }: JsonObject, decoding: Decoding): Tools {
  const decoded: Tools = { tools: [] };
  for (const [index, value] of asList(tools).entries()) {
    const tool = asObject(value) ?? {};
    const type = asText(tool.type);
    if (type.startsWith('web_search_')) decoded.webSearch = decodeSearch(tool, decoding);
    else if (type !== '' && type !== 'custom') decoding.unmapped[`tools.${type}`] = tool;
    else if (asText(tool.name) === '') decoding.fail(`tools.${index}.name`, 'Field required');
    else decoded.tools.push(decodeTool(tool, decoding));
  }
  return { ...decoded, ...decodeChoice(asObject(choice), decoding) };
}

const TOOL_MEMBERS = new Set(['type', 'name', 'description', 'input_schema', 'strict', 'cache_control']);

function decodeTool(tool: JsonObject, decoding: Decoding): FunctionTool {
  const { name, description, input_schema: schema, strict } = tool;
  noteOthers(tool, TOOL_MEMBERS, decoding);
  return {
    kind: 'function',
    name: asText(name),
    ...defined({
      description: asText(description) || undefined,
      parameters: asObject(schema) ?? undefined,
      isStrict: typeof strict === 'boolean' ? strict : undefined,
    }),
    ...readCacheControl(tool),
  };
}

const SEARCH_MEMBERS = new Set(
  'type name allowed_domains blocked_domains user_location max_uses cache_control'.split(' '),
);

function decodeSearch(tool: JsonObject, decoding: Decoding): WebSearch {
  noteOthers(tool, SEARCH_MEMBERS, decoding);
  const location = asObject(tool.user_location);
  return defined({
    allowedDomains: textsOf(tool.allowed_domains),
    blockedDomains: textsOf(tool.blocked_domains),
    maxUses: asNumber(tool.max_uses),
    userLocation: location === null ? undefined : readLocation(location),
  });
}

function readLocation({ city, region, country, timezone }: JsonObject): WebSearch['userLocation'] {
  const named = { city, region, country, timezone };
  return Object.fromEntries(Object.entries(named).filter(([, value]) => typeof value === 'string'));
}

/** An empty list limits nothing. */
function textsOf(value: unknown): string[] | undefined {
  const texts = asList(value).filter((text) => typeof text === 'string');
  return texts.length === 0 ? undefined : texts;
}

/** Members that no other protocol has. */
function noteOthers(tool: JsonObject, known: ReadonlySet<string>, decoding: Decoding): void {
  for (const [member, value] of Object.entries(tool)) {
    if (!known.has(member) && value !== null && value !== undefined) decoding.unmapped[`tools.${member}`] = value;
  }
}

const CHOICES: Readonly<Record<string, 'auto' | 'none' | 'required'>> = { auto: 'auto', any: 'required', none: 'none' };

function decodeChoice(choice: JsonObject | null, decoding: Decoding): Partial<Tools> {
  if (choice === null) return {};
  const parallel = choice.disable_parallel_tool_use === true ? { allowsParallelToolCalls: false } : {};
  return { ...parallel, ...defined({ toolChoice: toolChoiceOf(choice, decoding) }) };
}

function toolChoiceOf({ type, name }: JsonObject, decoding: Decoding): ToolChoice | undefined {
  if (type === 'tool') return { kind: 'tool', name: asText(name) };
  const kind = CHOICES[asText(type)];
  if (kind !== undefined) return { kind };
  decoding.fail('tool_choice.type', `'${String(type)}' does not match 'auto', 'any', 'tool' or 'none'`);
  return undefined;
}
