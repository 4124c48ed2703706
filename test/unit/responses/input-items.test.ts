import { describe, expect, test } from 'vitest';
import { createRequestId } from '#src/contracts/ids.ts';
import {
  describeItem,
  isRepeatable,
  itemsOf,
  pageOf,
  pageQuery,
  referredIds,
  requestIdOf,
  responseIdOf,
} from '#src/responses/items.ts';

test('the id of a response leads back to its request', () => {
  const requestId = createRequestId(1);
  expect(requestIdOf(responseIdOf(requestId))).toBe(requestId);
  for (const other of ['resp_1', 'msg_1', requestId, '']) expect(requestIdOf(other)).toBeNull();
});

describe('input items', () => {
  test('of a plain text are one message', () => {
    expect(itemsOf('Hi')).toEqual([{ type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Hi' }] }]);
    expect(itemsOf([{ a: 1 }, 'x'])).toEqual([{ a: 1 }]);
    expect(itemsOf(undefined)).toEqual([]);
  });

  test.each([
    [
      'a message of a text',
      { role: 'user', content: 'Hi' },
      { type: 'message', id: 'msg_7', status: 'completed', content: [{ type: 'input_text', text: 'Hi' }] },
    ],
    [
      'what the model said',
      { role: 'assistant', content: 'Yes' },
      { content: [{ type: 'output_text', text: 'Yes', annotations: [] }] },
    ],
    ['a call', { type: 'function_call', name: 'f' }, { type: 'function_call', id: 'fc_7', name: 'f' }],
    ['an item with an id', { type: 'reasoning', id: 'rs_own' }, { id: 'rs_own' }],
    ['a kind of tomorrow', { type: 'dream' }, { id: 'item_7', type: 'dream' }],
  ])('%s is shown in full', (_name, item, shown) => {
    expect(describeItem(item, '7')).toMatchObject(shown);
  });

  test('empty reasoning cannot be repeated', () => {
    expect(isRepeatable({ type: 'reasoning', id: 'rs_1', summary: [] })).toBe(false);
    expect(isRepeatable({ type: 'reasoning', summary: [], encrypted_content: 'x' })).toBe(true);
    expect(isRepeatable({ type: 'reasoning', content: [{ text: 'x' }] })).toBe(true);
    expect(isRepeatable({ type: 'message' })).toBe(true);
  });

  test('references are found, even without a type', () => {
    const items = [
      { type: 'item_reference', id: 'a' },
      { id: 'b' },
      { id: 'c', role: 'user' },
      { type: 'message', id: 'd' },
    ];
    expect(referredIds(items)).toEqual(['a', 'b']);
  });
});

describe('a page', () => {
  const items = ['a', 'b', 'c'].map((id) => ({ id }));
  const page = (query: object) => {
    const found = pageOf(items, pageQuery.parse(query));
    return found === null ? null : [found.items.map(({ id }) => id).join(''), found.hasMore];
  };

  test.each([
    [{}, ['cba', false]],
    [{ order: 'asc', limit: '2' }, ['ab', true]],
    [{ order: 'asc', after: 'b' }, ['c', false]],
    [{ after: 'b' }, ['a', false]],
    [{ after: 'a' }, ['', false]],
    [{ after: 'x' }, null],
  ])('%j', (query, expected) => {
    expect(page(query)).toEqual(expected);
  });
});
