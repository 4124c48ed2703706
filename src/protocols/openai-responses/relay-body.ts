// A response from a Responses provider, not streamed: the provider's bytes with the cost added.
import { NO_USAGE } from '../../contracts/usage.ts';
import type { JsonObject } from '../codec.ts';
import { withModel } from '../openai-chat/relay-body.ts';
import { insertCost } from '../openai-chat/usage.ts';
import type { RelayContext, RelayedBody } from '../protocol.ts';
import { countedOr } from '../providers/counts.ts';
import { objectsOf, parseObject } from '../wire/loose-json.ts';
import { failureOfAnswer } from './failures.ts';
import { estimateUsage, readResponsesUsage, writeUsageInto } from './usage.ts';
import { bytesOfItem } from './wire.ts';

export function relayResponsesBody(body: Buffer, context: RelayContext): RelayedBody {
  const answer = parseObject(body.toString());
  const reported = readResponsesUsage(answer?.usage, answer ?? {});
  const failure = failureOfAnswer(answer);
  if (failure !== null) return { body, usage: reported ?? NO_USAGE, failure };
  const usage = countedOr(reported, estimateUsage(context.estimatedInputTokens, bytesOfOutput(answer!)));
  const base = writeUsageInto(withModel(body, answer!, context), usage);
  return { body: insertCost(base, context.priceUsage(usage)), usage };
}

function bytesOfOutput(answer: JsonObject): number {
  return objectsOf(answer.output).reduce((sum, item) => sum + bytesOfItem(item), 0);
}
