import type { ProviderCodec, SearchAbilities } from '../codec.ts';
import { ChatAnswerDecoder } from './answer-decoder.ts';
import { decodeChatAnswer } from './decode-answer.ts';
import { encodeChatRequest } from './encode-request.ts';
import { traitsOf } from './models.ts';

/** `web_search_options` (npm openai 7.55.0). */
const SEARCH: SearchAbilities = {
  hasAllowedDomains: false,
  hasBlockedDomains: false,
  hasCachedOnly: false,
  hasContextSize: true,
  hasLocation: true,
  hasMaxUses: false,
  standsBesideFunctions: true,
};

/** Any OpenAI-compatible provider, for clients of other protocols. */
export const chatProviderCodec: ProviderCodec = {
  abilities(upstreamModel) {
    const { searches, isOpenAi } = traitsOf(upstreamModel);
    return { search: searches ? SEARCH : null, hasGrammars: isOpenAi, hasCacheBreakpoints: false };
  },
  encodeRequest: encodeChatRequest,
  decodeAnswer: decodeChatAnswer,
  openDecoder: (context) => new ChatAnswerDecoder(context),
};
