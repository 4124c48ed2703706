// Which names, ids and texts of a client's choice providers accept. The only such table: requests are made to fit in
// fit-request.ts before they are encoded, and names in the answer are mapped back.
//
// Sources, with the day they were read:
// - OpenAI: npm openai 7.55.0 and openai-openapi f85dbe2 (2026-11-20): names of functions are `[a-zA-Z0-9_-]`, 64 at
//   most; `call_id` of Responses 64; `metadata` 16 pairs. Chat refuses call ids beyond 40 ("Expected a string with maximum
//   length 40", microsoft/autogen issue 6377, 2026-11-28). `user` and `safety_identifier` are refused beyond 64
//   (generated reference of the spec, `maxLength: 64`, 2026-11-28; newer types say 128, so that 64 is right for both).
// - Mistral: call ids are nine of `[a-zA-Z0-9]` ("must be a-z, A-Z, 0-9, with a length of 9": gptel issue 1203 of 2026-01;
//   vLLM's Mistral tokenizer says the same; 2026-11-28).
// - Anthropic: names and ids are `[a-zA-Z0-9_-]`. Names end at 128 (claude-code issue 96152, 2026-09) at Anthropic itself
//   and at 64 in its reference of 2026-08 and on Bedrock: 64 is right for all. `metadata.user_id` ends at 256.
// - Gemini: names are `[a-zA-Z0-9_.:-]`, begin with a letter or an underscore, and end at 64 (google-genai's and the
//   Discovery document's comments; Vertex's newest revision says 128; 2026-11-28). Ids are opaque.

export interface IdentifierBounds {
  /** Characters that are refused; global. */
  strange: RegExp;
  /** Pattern of the first character; absent: any allowed character. */
  first?: RegExp;
  maxChars: number;
  /** Set if only this length is accepted. */
  exactChars?: number;
}

export interface ProviderBounds {
  toolName: IdentifierBounds;
  callId: IdentifierBounds;
  /** Most characters of the end user's name. */
  endUserChars: number;
  /** Accepts groups of tools (`namespace`); at other providers their functions are listed with the others. */
  hasNamespaces: boolean;
  /** Its models' API refuses unknown members of messages, at any provider. */
  isStrict: boolean;
}

const NOTHING_STRANGE = /(?!)/g;
const WORD: IdentifierBounds = { strange: /[^a-zA-Z0-9_-]/gu, maxChars: 64 };

const CHAT: ProviderBounds = {
  toolName: WORD,
  callId: { strange: NOTHING_STRANGE, maxChars: 40 },
  endUserChars: 64,
  hasNamespaces: false,
  isStrict: false,
};

const MISTRAL: ProviderBounds = {
  ...CHAT,
  isStrict: true,
  callId: { strange: /[^a-zA-Z0-9]/gu, maxChars: 9, exactChars: 9 },
};

const BOUNDS: Readonly<Record<string, ProviderBounds>> = {
  'openai-chat': CHAT,
  'openai-responses': {
    ...CHAT,
    callId: { strange: NOTHING_STRANGE, maxChars: 64 },
    hasNamespaces: true,
  },
  'anthropic-messages': { ...CHAT, callId: WORD, endUserChars: 256 },
  'gemini-generate-content': {
    ...CHAT,
    toolName: { strange: /[^a-zA-Z0-9_.:-]/gu, first: /^[a-zA-Z_]/, maxChars: 64 },
    callId: { strange: NOTHING_STRANGE, maxChars: 256 },
  },
};

const MISTRAL_MODELS = /(mistral|ministral|magistral|codestral|devstral|pixtral|voxtral)/i;

/** Unknown protocols get the bounds that every OpenAI-compatible provider accepts. */
export function boundsOf(providerProtocol: string, upstreamModel: string): ProviderBounds {
  if (providerProtocol === 'openai-chat' && MISTRAL_MODELS.test(upstreamModel)) return MISTRAL;
  return BOUNDS[providerProtocol] ?? CHAT;
}

export function fits(text: string, { strange, first, maxChars, exactChars }: IdentifierBounds): boolean {
  if (text === '' || text.length > maxChars || (exactChars !== undefined && text.length !== exactChars)) return false;
  // `search` knows no lastIndex, which `test` of a global pattern would move.
  return text.search(strange) < 0 && (first?.test(text) ?? true);
}
