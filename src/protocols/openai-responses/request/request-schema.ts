// Shapes of the request members that are translated. Loose: what else an object holds is named as dropped (findUnmapped).
import { z } from 'zod';

const text = z.string().nullish();
const number = z.number().nullish();
const boolean = z.boolean().nullish();

const format = z.looseObject({
  type: z.string(),
  name: text,
  description: text,
  schema: z.record(z.string(), z.unknown()).nullish(),
  strict: boolean,
});

export const toolSchema = z.looseObject({ type: z.string() });
export type WireTool = z.infer<typeof toolSchema>;

const toolChoice = z.union([z.string(), toolSchema], { error: 'expected a string or an object with a type' });
export type WireToolChoice = z.infer<typeof toolChoice>;

export const inputSchema = z.union([z.string(), z.array(z.looseObject({}))], {
  error: 'expected a string or an array of input items',
});

export const settingsSchema = z.looseObject({
  input: inputSchema.nullish(),
  instructions: text,
  max_output_tokens: number,
  max_tool_calls: number,
  temperature: number,
  top_p: number,
  top_logprobs: number,
  parallel_tool_calls: boolean,
  text: z.looseObject({ format: format.nullish(), verbosity: text }).nullish(),
  reasoning: z.looseObject({ effort: text, summary: text, generate_summary: text }).nullish(),
  tools: z.array(toolSchema).nullish(),
  tool_choice: toolChoice.nullish(),
  metadata: z.record(z.string(), z.string()).nullish(),
  safety_identifier: text,
  prompt_cache_key: text,
  user: text,
  service_tier: text,
  include: z.array(z.string()).nullish(),
});

export type Settings = z.infer<typeof settingsSchema>;
export type TextSettings = Settings['text'];
