// Tools of a request and the choice between them, decoded.
import type { FunctionTool, InferenceRequest, ToolChoice } from '../../contracts/inference-request.ts';
import type { JsonObject } from '../codec.ts';
import type { Decoding } from './decoding.ts';
import { asList, asObject, asText, defined } from './loose-json.ts';

type Tools = Pick<InferenceRequest, 'tools' | 'toolChoice' | 'allowsParallelToolCalls' | 'webSearch'>;

export function decodeTools({ tools, tool_choice: choice }: JsonObject, decoding: Decoding): Tools {
  const decoded: Tools = { tools: [] };
  for (const [index, value] of asList(tools).entries()) {
    const tool = asObject(value) ?? {};
    const type = asText(tool.type);
    if (type.startsWith('web_search_')) decoded.webSearch = {};
    else if (type !== '' && type !== 'custom') decoding.unmapped[`tools.${type}`] = tool;
    else if (asText(tool.name) === '') decoding.fail(`tools.${index}.name`, 'Field required');
    else decoded.tools.push(decodeTool(tool));
  }
  return { ...decoded, ...decodeChoice(asObject(choice), decoding) };
}

function decodeTool({ name, description, input_schema: schema, strict }: JsonObject): FunctionTool {
  return {
    kind: 'function',
    name: asText(name),
    ...defined({
      description: asText(description) || undefined,
      parameters: asObject(schema) ?? undefined,
      isStrict: typeof strict === 'boolean' ? strict : undefined,
    }),
  };
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
