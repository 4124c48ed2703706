// Which answers with status 200 are refusals by a filter, in the four protocols of providers.
import { expect, test } from 'vitest';
import { isFilteredAnswer } from '#src/protocols/providers/filtered-answer.ts';

const filtered: [string, string, object][] = [
  [
    'a choice without words',
    'openai-chat',
    { choices: [{ message: { content: '' }, finish_reason: 'content_filter' }] },
  ],
  ['a last chunk', 'openai-chat', { choices: [{ delta: {}, finish_reason: 'content_filter' }] }],
  [
    'a response that thought and said nothing',
    'openai-responses',
    {
      status: 'incomplete',
      incomplete_details: { reason: 'content_filter' },
      output: [{ type: 'reasoning' }, { type: 'message', content: [] }],
    },
  ],
  [
    'an event of one',
    'openai-responses',
    { type: 'response.incomplete', response: { incomplete_details: { reason: 'content_filter' }, output: [] } },
  ],
  ['a message', 'anthropic-messages', { type: 'message', content: [], stop_reason: 'refusal' }],
  ['an event of one', 'anthropic-messages', { type: 'message_delta', delta: { stop_reason: 'refusal' } }],
  ['a blocked prompt', 'gemini-generate-content', { promptFeedback: { blockReason: 'SAFETY' } }],
  ['a withheld answer', 'gemini-generate-content', { candidates: [{ finishReason: 'PROHIBITED_CONTENT' }] }],
];

test.each(filtered)('%s (%s) is filtered', (_name, vendor, answer) => {
  expect(isFilteredAnswer(vendor, JSON.stringify(answer))).toBe(true);
});

const answered: [string, string, object][] = [
  ['words', 'openai-chat', { choices: [{ message: { content: 'Well,' }, finish_reason: 'content_filter' }] }],
  ['a stop', 'openai-chat', { choices: [{ message: { content: '' }, finish_reason: 'stop' }] }],
  ['usage alone', 'openai-chat', { choices: [] }],
  ['the model’s own refusal', 'openai-chat', { choices: [{ message: { refusal: 'No.' }, finish_reason: 'stop' }] }],
  [
    'words',
    'openai-responses',
    {
      incomplete_details: { reason: 'content_filter' },
      output: [{ type: 'message', content: [{ type: 'output_text', text: 'Well,' }] }],
    },
  ],
  ['a length', 'openai-responses', { incomplete_details: { reason: 'max_output_tokens' }, output: [] }],
  ['words', 'anthropic-messages', { content: [{ type: 'text', text: 'No.' }], stop_reason: 'refusal' }],
  [
    'words',
    'gemini-generate-content',
    { candidates: [{ finishReason: 'SAFETY', content: { parts: [{ text: 'Well' }] } }] },
  ],
  ['nothing yet', 'gemini-generate-content', { usageMetadata: {} }],
  ['vectors', 'openai-embeddings', { data: [] }],
];

test.each(answered)('%s (%s) is not filtered', (_name, vendor, answer) => {
  expect(isFilteredAnswer(vendor, JSON.stringify(answer))).toBe(false);
});

test('a body that is not JSON is not filtered', () => {
  expect(isFilteredAnswer('openai-chat', '[DONE]')).toBe(false);
});
