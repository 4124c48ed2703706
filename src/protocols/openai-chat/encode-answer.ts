// A canonical answer as a whole chat completion.
import type { Answer, AnswerChoice } from '../../contracts/answer.ts';
import type { Usage } from '../../contracts/usage.ts';
import { type EncodeContext, idFor, type JsonObject, type ShownCost } from '../codec.ts';
import { customToolNames } from './custom-calls.ts';
import { isOlderForm } from './decode-request.ts';
import { encodeMessage } from './encode-message.ts';
import { encodeFinishReason } from './finish-reasons.ts';
import { encodeLogProbabilities } from './log-probabilities.ts';
import { insertCost, writeChatUsage } from './usage.ts';

export function encodeChatAnswer(answer: Answer, usage: Usage, shown: ShownCost, context: EncodeContext): string {
  const created = answer.createdAt ?? context.createdAt;
  const completion = {
    id: idFor('chatcmpl-', context.requestId),
    object: 'chat.completion',
    created,
    model: answer.model || context.clientBody.model,
    choices: answer.choices.map((choice) => encodeChoice(choice, context, created)),
    usage: writeChatUsage(usage),
    ...(answer.serviceTier === undefined ? {} : { service_tier: answer.serviceTier }),
  };
  return insertCost(Buffer.from(JSON.stringify(completion)), shown).toString();
}

function encodeChoice(choice: AnswerChoice, context: EncodeContext, createdAt: number): JsonObject {
  const isOlder = isOlderForm(context.clientBody);
  const customTools = customToolNames(context.clientBody);
  const audioId = idFor('audio_', context.requestId);
  const isCall = isOlder && choice.finishReason === 'tool-calls';
  return {
    index: choice.index,
    message: encodeMessage(choice.parts, { isOlder, customTools, audioId, createdAt }),
    logprobs: encodeLogProbabilities(choice.logProbabilities),
    finish_reason: isCall ? 'function_call' : encodeFinishReason(choice.finishReason),
  };
}
