// Nothing that a request restricts is widened by a provider that cannot restrict it; what is lost is named.
import { describe, expect, test } from 'vitest';
import { isFailure } from '#src/contracts/failure.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import { findProtocolRoute } from '#src/protocols/registry.ts';
import { translateRequest } from '#src/protocols/translate/translate-request.ts';

type Protocol = 'openai-chat' | 'openai-responses' | 'anthropic-messages' | 'gemini-generate-content';

const MODELS: Record<Protocol, string> = {
  'openai-chat': 'gpt-4o-search-preview',
  'openai-responses': 'gpt-5.1',
  'anthropic-messages': 'claude-opus-5',
  'gemini-generate-content': 'gemini-3-pro',
};

const SAID: Record<Protocol, JsonObject> = {
  'openai-chat': { messages: [{ role: 'user', content: 'Hi' }] },
  'openai-responses': { input: 'Hi' },
  'anthropic-messages': { max_tokens: 9, messages: [{ role: 'user', content: 'Hi' }] },
  'gemini-generate-content': { contents: [{ role: 'user', parts: [{ text: 'Hi' }] }] },
};

function send(client: Protocol, vendor: Protocol, more: JsonObject, upstreamModel = MODELS[vendor]) {
  const pair = findProtocolRoute(client, [vendor])!.pair!;
  const translated = translateRequest(pair, {
    body: { model: 'm', ...SAID[client], ...more },
    provider: 'acme',
    providerProtocol: vendor,
    upstreamModel,
    isStream: false,
    canReportStreamUsage: true,
  });
  if (isFailure(translated)) return { refused: translated.param };
  const { tools, web_search_options: options } = translated.body as {
    tools?: JsonObject[];
    web_search_options?: object;
  };
  const search = tools?.find((tool) => String(tool.type).startsWith('web_search') || 'googleSearch' in tool);
  return { search: search ?? options ?? null, dropped: translated.dropped, body: translated.body };
}

const NO_SEARCH = null;
const searching = (more: object): JsonObject => ({ tools: [{ type: 'web_search', ...more }] });
const searchingClaude = (more: object): JsonObject => ({
  tools: [{ type: 'web_search_20250305', name: 'web_search', ...more }],
});
const CLAUDE_SEARCH = { type: 'web_search_20250305', name: 'web_search' };
const SITES = { filters: { allowed_domains: ['a.org'] } };
const LOCATION = { user_location: { type: 'approximate', country: 'FR' } };

describe('a web search', () => {
  test.each<[string, Protocol, Protocol, JsonObject, object | null, string[]]>([
    [
      'off the live web',
      'openai-responses',
      'anthropic-messages',
      searching({ external_web_access: false }),
      NO_SEARCH,
      ['tools.web_search'],
    ],
    [
      'off the live web',
      'openai-responses',
      'gemini-generate-content',
      searching({ external_web_access: false }),
      NO_SEARCH,
      ['tools.web_search'],
    ],
    [
      'off the live web',
      'openai-responses',
      'openai-chat',
      searching({ external_web_access: false }),
      NO_SEARCH,
      ['tools.web_search'],
    ],
    [
      'on the live web',
      'openai-responses',
      'anthropic-messages',
      searching({ external_web_access: true }),
      CLAUDE_SEARCH,
      [],
    ],
    [
      'of some sites',
      'openai-responses',
      'anthropic-messages',
      searching(SITES),
      { ...CLAUDE_SEARCH, allowed_domains: ['a.org'] },
      [],
    ],
    ['of some sites', 'openai-responses', 'gemini-generate-content', searching(SITES), NO_SEARCH, ['tools.web_search']],
    ['of some sites', 'openai-responses', 'openai-chat', searching(SITES), NO_SEARCH, ['tools.web_search']],
    [
      'of some sites',
      'anthropic-messages',
      'openai-responses',
      searchingClaude({ allowed_domains: ['a.org'] }),
      { type: 'web_search', filters: { allowed_domains: ['a.org'] } },
      [],
    ],
    [
      'of some sites',
      'anthropic-messages',
      'gemini-generate-content',
      searchingClaude({ allowed_domains: ['a.org'] }),
      NO_SEARCH,
      ['tools.web_search'],
    ],
    [
      'of no such sites',
      'anthropic-messages',
      'openai-responses',
      searchingClaude({ blocked_domains: ['a.org'] }),
      NO_SEARCH,
      ['tools.web_search'],
    ],
    [
      'of no such sites',
      'gemini-generate-content',
      'anthropic-messages',
      { tools: [{ googleSearch: { excludeDomains: ['a.org'] } }] },
      { ...CLAUDE_SEARCH, blocked_domains: ['a.org'] },
      [],
    ],
    [
      'of some time',
      'gemini-generate-content',
      'anthropic-messages',
      { tools: [{ googleSearch: { timeRangeFilter: {} } }] },
      NO_SEARCH,
      ['tools.googleSearch', 'tools.googleSearch.timeRangeFilter'],
    ],
    [
      'by somebody somewhere',
      'openai-responses',
      'anthropic-messages',
      searching(LOCATION),
      { ...CLAUDE_SEARCH, ...LOCATION },
      [],
    ],
    [
      'by somebody somewhere',
      'anthropic-messages',
      'openai-chat',
      searchingClaude(LOCATION),
      { user_location: { type: 'approximate', approximate: { country: 'FR' } } },
      [],
    ],
    [
      'by somebody somewhere',
      'openai-chat',
      'gemini-generate-content',
      { web_search_options: { user_location: { type: 'approximate', approximate: { country: 'FR' } } } },
      { googleSearch: {} },
      ['web_search_options.user_location'],
    ],
    [
      'of few pages',
      'anthropic-messages',
      'gemini-generate-content',
      searchingClaude({ max_uses: 2 }),
      { googleSearch: {} },
      ['tools.max_uses'],
    ],
    [
      'of few pages',
      'openai-responses',
      'anthropic-messages',
      { ...searching({}), max_tool_calls: 2 },
      { ...CLAUDE_SEARCH, max_uses: 2 },
      [],
    ],
    [
      'of some size',
      'openai-responses',
      'anthropic-messages',
      searching({ search_context_size: 'low' }),
      CLAUDE_SEARCH,
      ['tools.search_context_size'],
    ],
    [
      'not among the allowed',
      'openai-responses',
      'anthropic-messages',
      {
        tools: [{ type: 'web_search' }, { type: 'function', name: 'f' }],
        tool_choice: { type: 'allowed_tools', mode: 'auto', tools: [{ type: 'function', name: 'f' }] },
      },
      NO_SEARCH,
      [],
    ],
    [
      'when nothing may be called',
      'openai-responses',
      'gemini-generate-content',
      { ...searching({}), tool_choice: 'none' },
      NO_SEARCH,
      [],
    ],
  ])('%s (%s → %s)', (_name, client, vendor, more, search, dropped) => {
    const sent = send(client, vendor, more);
    expect(sent).toMatchObject({ search, dropped });
    if (search !== null) expect(sent.search).toEqual(search);
  });

  test('is left out and named if the model has none, with or without functions', () => {
    const more = { tools: [{ type: 'function', name: 'f' }, { type: 'web_search' }] };
    expect(send('openai-responses', 'openai-chat', more, 'llama')).toMatchObject({ dropped: ['tools.web_search'] });
    expect(send('openai-responses', 'gemini-generate-content', more, 'gemini-2.5-pro')).toMatchObject({
      search: null,
      dropped: ['tools.web_search'],
    });
  });

  test('that is forced is refused there', () => {
    const more = { ...searching(SITES), tool_choice: 'required' };
    expect(send('openai-responses', 'gemini-generate-content', more)).toEqual({ refused: 'tools.web_search' });
  });
});

describe('tools', () => {
  const grammar = { type: 'grammar', syntax: 'lark', definition: 'start: "a"' };
  const custom = { tools: [{ type: 'custom', name: 'f', description: 'Runs.', format: grammar }] };

  test.each<[Protocol, string]>([
    ['openai-chat', 'llama'],
    ['anthropic-messages', 'claude-opus-5'],
    ['gemini-generate-content', 'gemini-3-pro'],
  ])('a grammar that cannot be enforced is described in words and named (%s)', (vendor, model) => {
    const sent = send('openai-responses', vendor, custom, model);
    expect(sent.dropped).toEqual(['tools.format']);
    expect(JSON.stringify(sent.body)).toContain('The input has this format');
  });

  test('a grammar is kept for OpenAI’s own models', () => {
    expect(send('openai-responses', 'openai-chat', custom, 'gpt-5.1').dropped).toEqual([]);
  });

  test('no allowed tools means none at Gemini, whose empty list allows all', () => {
    const more = {
      tools: [{ type: 'function', function: { name: 'f' } }],
      tool_choice: { type: 'allowed_tools', allowed_tools: { mode: 'auto', tools: [] } },
    };
    expect(send('openai-chat', 'gemini-generate-content', more).body).toMatchObject({
      toolConfig: { functionCallingConfig: { mode: 'NONE' } },
    });
  });

  test.each<Protocol>(['openai-responses', 'anthropic-messages', 'gemini-generate-content'])(
    'members that only the client’s protocol has are named (%s)',
    (vendor) => {
      const tool = { type: 'function', function: { name: 'f', parameters: {}, examples: [] }, defer: true };
      expect(send('openai-chat', vendor, { tools: [tool] }).dropped).toEqual(['tools.defer', 'tools.examples']);
    },
  );
});

describe('cache marks', () => {
  const mark = { cache_control: { type: 'ephemeral' } };
  const messages = [
    { role: 'system', content: 'Be brief.', ...mark },
    { role: 'user', content: 'Hi' },
    { role: 'assistant', tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } }] },
    { role: 'tool', tool_call_id: 'c', content: 'ok', ...mark },
  ];
  const tools = [{ type: 'function', function: { name: 'f' }, ...mark }];

  test('on messages and tools of Chat reach Anthropic', () => {
    expect(send('openai-chat', 'anthropic-messages', { messages, tools }).body).toMatchObject({
      system: [{ text: 'Be brief.', ...mark }],
      messages: [{}, {}, { content: [{ type: 'tool_result', ...mark }] }],
      tools: [{ name: 'f', ...mark }],
    });
  });

  test.each<Protocol>(['openai-responses', 'gemini-generate-content'])(
    'are named if the provider has none (%s)',
    (vendor) => {
      expect(send('openai-chat', vendor, { messages, tools }).dropped).toEqual(['cache_control']);
    },
  );
});
