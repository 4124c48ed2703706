// Tools, the choice among them, and both in their older form (`functions`, `function_call`).
import type { ToolChoice, ToolDefinition } from '#src/contracts/inference-request.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import {
  defined,
  invalid,
  isObject,
  objectEntries,
  optionalBoolean,
  optionalObject,
  optionalText,
  requiredObject,
  requiredText,
} from '#src/protocols/openai/request-fields.ts';
import { decodeBreakpoint } from './decode-parts.ts';

export function decodeTools(body: JsonObject): ToolDefinition[] {
  const tools = objectEntries(body.tools, 'tools').map(({ item, at }) => decodeTool(item, at));
  const older = objectEntries(body.functions, 'functions').map(({ item, at }) => decodeFunction(item, at));
  return [...tools, ...older];
}

function decodeTool(tool: JsonObject, at: string): ToolDefinition {
  switch (tool.type) {
    case 'function':
      return {
        ...decodeFunction(requiredObject(tool.function, `${at}.function`), `${at}.function`),
        ...marked(tool, at),
      };
    case 'custom':
      return { ...decodeCustom(requiredObject(tool.custom, `${at}.custom`), `${at}.custom`), ...marked(tool, at) };
    default:
      throw invalid(`${at}.type`, `'${String(tool.type)}' is not one of function, custom`);
  }
}

/** OpenRouter has the breakpoint next to the function, others have it inside. */
function marked(tool: JsonObject, at: string) {
  const inner = isObject(tool.function) ? tool.function : {};
  return { ...decodeBreakpoint(inner, at), ...decodeBreakpoint(tool, at) };
}

const KNOWN_MEMBERS = new Set(
  'type function custom name description parameters strict format cache_control prompt_cache_breakpoint'.split(' '),
);

/** Members of tools that no other protocol has, by their path. */
export function unmappedOfTools({ tools }: JsonObject): JsonObject {
  const unmapped: JsonObject = {};
  for (const tool of (Array.isArray(tools) ? tools : []).filter(isObject)) {
    const inner = isObject(tool.function) ? tool.function : {};
    for (const [key, value] of [...Object.entries(tool), ...Object.entries(inner)]) {
      if (!KNOWN_MEMBERS.has(key) && value !== null) unmapped[`tools.${key}`] = value;
    }
  }
  return unmapped;
}

function decodeFunction(fields: JsonObject, at: string): ToolDefinition {
  return defined({
    kind: 'function',
    name: requiredText(fields.name, `${at}.name`),
    description: optionalText(fields.description, `${at}.description`),
    parameters: optionalObject(fields.parameters, `${at}.parameters`),
    isStrict: optionalBoolean(fields.strict, `${at}.strict`),
  });
}

function decodeCustom(fields: JsonObject, at: string): ToolDefinition {
  return defined({
    kind: 'custom',
    name: requiredText(fields.name, `${at}.name`),
    description: optionalText(fields.description, `${at}.description`),
    format: fields.format ?? undefined,
  });
}

export function decodeToolChoice({ tool_choice: choice, function_call: older }: JsonObject): ToolChoice | undefined {
  if (choice !== undefined && choice !== null) return decodeChoice(choice, 'tool_choice');
  if (older === undefined || older === null) return undefined;
  return isObject(older)
    ? { kind: 'tool', name: requiredText(older.name, 'function_call.name') }
    : decodeChoice(older, 'function_call');
}

function decodeChoice(choice: unknown, param: string): ToolChoice {
  switch (choice) {
    case 'auto':
    case 'none':
    case 'required':
      return { kind: choice };
    // Mistral's name.
    case 'any':
      return { kind: 'required' };
  }
  if (!isObject(choice)) throw invalid(param, 'expected none, auto, required or an object');
  switch (choice.type) {
    case 'function':
    case 'custom':
      return { kind: 'tool', name: toolName(choice, param) };
    case 'allowed_tools':
      return decodeAllowed(requiredObject(choice.allowed_tools, `${param}.allowed_tools`), `${param}.allowed_tools`);
    default:
      throw invalid(`${param}.type`, `'${String(choice.type)}' is not one of function, custom, allowed_tools`);
  }
}

function decodeAllowed(allowed: JsonObject, at: string): ToolChoice {
  const tools = objectEntries(allowed.tools, `${at}.tools`).map(({ item, at: place }) => ({
    name: toolName(item, place),
  }));
  return { kind: 'allowed', tools, isRequired: allowed.mode === 'required' };
}

/** Nested here; flat in the Responses API, whose form clients mix in. */
function toolName(tool: JsonObject, at: string): string {
  const member = tool.type === 'custom' ? 'custom' : 'function';
  const nested = tool[member];
  if (!isObject(nested)) return requiredText(tool.name, `${at}.${member}.name`);
  return requiredText(nested.name, `${at}.${member}.name`);
}
