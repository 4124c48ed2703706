import { describe, expect, test } from 'vitest';
import { foldStream } from '#src/responses/describe-response.ts';
import { helloEvents, writeEvents } from '#test/support/response-spec.ts';

describe('a stream, assembled as far as it has arrived', () => {
  test('texts grow with their deltas', () => {
    const fold = foldStream(writeEvents(helloEvents().slice(0, 5)));
    expect(fold.output).toEqual([
      expect.objectContaining({ id: 'msg_1', content: [{ type: 'output_text', text: 'Hello ', annotations: [] }] }),
    ]);
    expect(fold).toMatchObject({ lastSequence: 4, isWhole: false, error: null });
  });

  test('is complete at its end', () => {
    const fold = foldStream(writeEvents(helloEvents()));
    expect(fold).toMatchObject({ lastSequence: 8, isWhole: true, response: { status: 'completed' } });
  });

  test('calls, refusals, reasoning and custom input grow too', () => {
    const item = (index: number, more: object) => ({
      type: 'response.output_item.added',
      output_index: index,
      item: { id: `item_${index}`, ...more },
    });
    const fold = foldStream(
      writeEvents([
        item(2, { type: 'function_call', arguments: '' }),
        { type: 'response.function_call_arguments.delta', output_index: 2, delta: '{"a"' },
        item(1, { type: 'reasoning', summary: [] }),
        { type: 'response.reasoning_summary_part.added', output_index: 1, summary_index: 0, part: { text: '' } },
        { type: 'response.reasoning_summary_text.delta', output_index: 1, summary_index: 0, delta: 'Hm.' },
        item(3, { type: 'custom_tool_call', input: '' }),
        { type: 'response.custom_tool_call_input.delta', output_index: 3, delta: 'ls' },
        item(0, { type: 'message', content: [] }),
        {
          type: 'response.content_part.added',
          output_index: 0,
          content_index: 0,
          part: { type: 'refusal', refusal: '' },
        },
        { type: 'response.refusal.delta', output_index: 0, content_index: 0, delta: 'No.' },
      ]),
    );
    expect(fold.output).toEqual([
      expect.objectContaining({ content: [{ type: 'refusal', refusal: 'No.' }] }),
      expect.objectContaining({ summary: [{ text: 'Hm.' }] }),
      expect.objectContaining({ arguments: '{"a"' }),
      expect.objectContaining({ input: 'ls' }),
    ]);
  });

  test('unknown events are skipped', () => {
    const bytes = Buffer.concat([
      Buffer.from(': keep-alive\n\nevent: x\ndata: not json\n\n'),
      writeEvents([
        { type: 'response.output_text.delta', output_index: 9, content_index: 0, delta: 'lost' },
        { type: 'response.of_tomorrow', output_index: 'x' },
        { type: 'error', code: 'server_error', message: 'No.' },
      ]),
      Buffer.from('data: {"cut'),
    ]);
    const fold = foldStream(bytes);
    expect(fold.output).toEqual([]);
    expect(fold).toMatchObject({ lastSequence: 1, error: { message: 'No.' } });
  });
});
