// Requests from the canonical form to Anthropic, answers to it.
import type { ProviderAbilities, ProviderCodec } from '../codec.ts';
import { MessagesDecoder } from './answer-decoder.ts';
import { decodeMessagesAnswer } from './decode-answer.ts';
import { encodeMessagesRequest } from './encode-request.ts';
import { continuesPrefill } from './models.ts';

/** `web_search_20250305` takes either list of sites, not both (platform.claude.com, web search tool; read 2026-11-28). */
const ABILITIES: ProviderAbilities = {
  search: {
    hasAllowedDomains: true,
    hasBlockedDomains: true,
    hasCachedOnly: false,
    hasContextSize: false,
    hasLocation: true,
    hasMaxUses: true,
    standsBesideFunctions: true,
  },
  hasGrammars: false,
  hasCacheBreakpoints: true,
};

export const messagesProviderCodec: ProviderCodec = {
  abilities: () => ABILITIES,
  acceptsPrefill: continuesPrefill,
  encodeRequest: encodeMessagesRequest,
  decodeAnswer: decodeMessagesAnswer,
  openDecoder: (context) => new MessagesDecoder(context),
};
