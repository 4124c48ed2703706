// Reads a request of the old completions: a prompt without roles. Here it is what one person said.
import { type Call, describeTurn } from '../../engine/call.ts';
import { readBody, readModel, readStreamOptions } from '../openai/read-body.ts';
import { readStop } from '../openai/read-stop.ts';
import { readTexts } from '../openai/read-texts.ts';
import { readBoolean, readWholeNumber } from '../read-fields.ts';
import { CompletionsVoice } from './completions-voice.ts';

const MOST_CHOICES = 128;
/** Unlike everywhere else, an answer is short unless it may be longer. */
const DEFAULT_MAX_TOKENS = 16;

export function readCompletionsCall(value: unknown): { call: Call; voice: CompletionsVoice } {
  const body = readBody(value);
  const model = readModel(body);
  const prompts = readTexts(body, 'prompt');
  const words = prompts.map(({ text }) => text).join('\n');
  const isStream = readBoolean(body, 'stream') ?? false;
  const options = readStreamOptions(body, isStream);
  const perPrompt = readWholeNumber(body, 'n', 1, MOST_CHOICES) ?? 1;
  const call: Call = {
    model,
    isStream,
    promptTokens: prompts.reduce((sum, { tokens }) => sum + tokens, 0),
    promptText: describeTurn('user', words),
    lastUserText: words,
    endsWithToolResult: false,
    prefill: null,
    maxOutputTokens: readWholeNumber(body, 'max_tokens', 0, Number.MAX_SAFE_INTEGER) ?? DEFAULT_MAX_TOKENS,
    choices: prompts.length * perPrompt,
    stop: readStop(body),
    seed: typeof body.seed === 'number' ? body.seed : null,
    tools: [],
    toolChoice: { mode: 'none', allowed: null },
    isToolUseParallel: true,
    format: { kind: 'text' },
    showsReasoning: false,
  };
  return { call, voice: new CompletionsVoice({ model, wantsUsage: options.include_usage === true }) };
}
