// Goes on with a client's stream of the older completions that broke off. All that such a client sees is one text.
import type { EncodeContext, ResumedStream } from '../codec.ts';
import { type ChatChunk, objectsIn, parseChatChunk, readIdentity } from '../openai-chat/chunk.ts';
import { SseSplitter } from '../wire/sse-splitter.ts';
import { type BegunCompletion, CompletionEncoder } from './encode-answer.ts';

/** Null where it had ended, or where the client asked for several answers. */
export function resumeCompletionStream(delivered: Buffer, context: EncodeContext): ResumedStream | null {
  if (Number(context.clientBody.n ?? 1) > 1) return null;
  const begun: BegunCompletion = { id: '', model: '', text: '' };
  for (const { data } of new SseSplitter().push(delivered)) {
    if (data === null) continue;
    const chunk = parseChatChunk(data);
    if (chunk === null || !advance(begun, chunk)) return null;
  }
  return { encoder: new CompletionEncoder(context, begun), part: 0, text: begun.text, isOpen: begun.text !== '' };
}

/** False where the stream cannot be gone on with. */
function advance(begun: BegunCompletion, chunk: ChatChunk): boolean {
  if (chunk.error) return false;
  const { id, model, createdAt } = readIdentity(chunk);
  begun.id ||= id;
  begun.model ||= model;
  if (createdAt !== undefined) begun.createdAt ??= createdAt;
  return objectsIn(chunk.choices).every(({ index = 0, text, finish_reason: reason }) => {
    if (typeof text === 'string') begun.text += text;
    return index === 0 && !reason;
  });
}
