import { describe, expect, test } from 'vitest';
import { expandBody } from '#src/responses/items.ts';

const PAST = [{ role: 'user', content: 'Hi' }];
const expand = (body: string, recalled: object[] = [], replaced: object[] | null = null) =>
  expandBody(Buffer.from(body), {
    recalled: recalled as Record<string, unknown>[],
    replaced: replaced as Record<string, unknown>[] | null,
  }).toString();

describe('the body sent to a provider', () => {
  test.each([
    [
      'stays as it is but for store',
      '{"model":"m", "input":"x","seed":12345678901234567890}',
      [],
      '{"model":"m", "input":"x","seed":12345678901234567890,"store":false}',
    ],
    [
      'loses what only the broker knows',
      '{"input":"x","store":true,"background":true,"conversation":"c","previous_response_id":"r"}',
      [],
      '{"input":"x","store":false}',
    ],
    [
      'has the past before a text',
      '{"input":"x"}',
      PAST,
      '{"input":[{"role":"user","content":"Hi"},{"type":"message","role":"user","content":[{"type":"input_text","text":"x"}]}],"store":false}',
    ],
    [
      'has the past before items, which keep their bytes',
      '{"input":[ {"n":1.0} ]}',
      PAST,
      '{"input":[{"role":"user","content":"Hi"}, {"n":1.0} ],"store":false}',
    ],
    ['has the past alone', '{"input":[ ]}', PAST, '{"input":[{"role":"user","content":"Hi"}],"store":false}'],
    [
      'has the past where there was no input',
      '{"model":"m"}',
      PAST,
      '{"model":"m","store":false,"input":[{"role":"user","content":"Hi"}]}',
    ],
  ])('%s', (_name, body, recalled, expected) => {
    expect(expand(body, recalled)).toBe(expected);
  });

  test('has items instead of references', () => {
    expect(expand('{"input":[{"type":"item_reference","id":"a"}]}', [], [{ id: 'a', n: 1 }])).toBe(
      '{"input":[{"id":"a","n":1}],"store":false}',
    );
  });
});
