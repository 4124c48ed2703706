// What "no gap, no duplicate, nothing out of order" means for a streamed answer.
import { expect } from 'vitest';
import { readChatStream } from './chat-stream.ts';
import { type Answer, ask } from './client.ts';
import type { Providers } from './providers.ts';
import { SPOKEN_PROTOCOLS } from './spoken-protocols.ts';

/** Each has the provider's text for its prompt, and its event ids increase by one. */
export async function expectWholeStreams(
  answers: readonly Answer[],
  vendors: Providers,
  promptOf: (index: number) => string,
  model = 'solo',
): Promise<void> {
  for (const [index, answer] of answers.entries()) {
    const { content, isDone, error, ids } = readChatStream(answer.text);
    expect({ error, isDone, ending: answer.ending }).toEqual({ error: null, isDone: true, ending: 'whole' });
    expect(content).toBe(await spokenTo(promptOf(index), model, vendors));
    expect(ids.map((id) => Number(id.split('-')[1]))).toEqual(ids.map((_, place) => place + 1));
  }
}

/** Both simulators give the same answer to the same prompt, streamed or not, so the one without faults is asked directly. */
async function spokenTo(prompt: string, model: string, { secondary }: Providers): Promise<string> {
  const { text } = await ask(secondary.url, { prompt, model });
  return SPOKEN_PROTOCOLS['openai-chat'].readWhole(text);
}
