// A canonical request for a Gemini provider.
import type { InferenceRequest } from '../../contracts/inference-request.ts';
import type { EncodedRequest, EncodeRequestInput, JsonObject, Refusal, RequestField } from '../codec.ts';
import { encodeTurns } from './encode-contents.ts';
import { encodeGenerationConfig } from './encode-generation-config.ts';
import { encodeTools } from './encode-tools.ts';
import { geminiModel } from './models.ts';
import { RefusalError } from './refusal.ts';
import { encodeServiceTier } from './service-tier.ts';

export function encodeGeminiRequest(request: InferenceRequest, input: EncodeRequestInput): EncodedRequest | Refusal {
  try {
    return encode(request, input);
  } catch (error) {
    if (!(error instanceof RefusalError)) throw error;
    return error.refusal;
  }
}

function encode(request: InferenceRequest, { upstreamModel }: EncodeRequestInput): EncodedRequest {
  const model = geminiModel(upstreamModel);
  const { config, dropped } = encodeGenerationConfig(request, model);
  const serviceTier = encodeServiceTier(request.serviceTier ?? '');
  const body: JsonObject = {
    ...encodeTurns(request.turns, model),
    ...encodeTools(request, model),
    ...(Object.keys(config).length === 0 ? {} : { generationConfig: config }),
    ...(serviceTier === null ? {} : { serviceTier }),
  };
  return { kind: 'request', body, dropped: [...dropped, ...droppedOf(request)] };
}

/** Members that Gemini has nothing for and that an answer is as good without. */
function droppedOf(request: InferenceRequest): RequestField[] {
  const { serviceTier, speech } = request;
  const isDropped: [RequestField, boolean][] = [
    ['endUser', request.endUser !== undefined],
    ['metadata', request.metadata !== undefined],
    ['verbosity', request.verbosity !== undefined],
    ['logitBias', request.logitBias !== undefined],
    ['parallelToolCalls', request.allowsParallelToolCalls === false && request.tools.length > 0],
    ['serviceTier', serviceTier !== undefined && serviceTier !== 'auto' && encodeServiceTier(serviceTier) === null],
    // Sound comes as 16-bit PCM, whatever is asked for.
    ['speech', speech?.format !== undefined && speech.format !== 'pcm16'],
  ];
  return isDropped.filter(([, is]) => is).map(([name]) => name);
}
