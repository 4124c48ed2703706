// A call with every member at its plainest, to be changed where a test cares.
import { type Call, describeTurn } from '../../src/engine/call.ts';

export function callForTest(change: Partial<Call> = {}): Call {
  const lastUserText = change.lastUserText ?? 'Tell me something.';
  return {
    model: 'gpt-4o',
    isStream: false,
    promptTokens: 20,
    promptText: describeTurn('user', lastUserText),
    lastUserText,
    endsWithToolResult: false,
    toolResults: 0,
    prefill: null,
    maxOutputTokens: null,
    choices: 1,
    stop: [],
    seed: null,
    tools: [],
    toolChoice: { mode: 'auto', allowed: null },
    isToolUseParallel: true,
    format: { kind: 'text' },
    showsReasoning: false,
    ...change,
  };
}
