import { describe, expect, test } from 'vitest';
import { NO_USAGE } from '#src/contracts/usage.ts';
import type { ResumedStream } from '#src/protocols/codec.ts';
import { geminiArrayClient, geminiClient } from '#src/protocols/gemini-generate-content/protocol.ts';
import { encodeContext, event, textChunk } from './decoding.ts';

const resume = (delivered: string, client = geminiClient) =>
  client.codec!.resumeEncoder!(Buffer.from(delivered), encodeContext);
const identity = { modelVersion: 'm', responseId: 'of-the-provider' };
const thought = event({ candidates: [{ content: { parts: [{ text: 't', thought: true }] } }] });
const hello = event({ ...textChunk('Hello, '), ...identity });

function goOn({ encoder, part, isOpen }: ResumedStream): string {
  const at = { choice: 0, part };
  return [
    isOpen ? '' : encoder.encode({ kind: 'part-start', ...at, start: { kind: 'text' } }),
    encoder.encode({ kind: 'part-delta', ...at, delta: 'world' }),
    encoder.encode({ kind: 'part-end', ...at }),
    encoder.encode({ kind: 'finish', choice: 0, reason: 'stop' }),
    encoder.end(NO_USAGE, { cost: '0', charge: '0' }),
  ].join('');
}

describe('a stream that broke off', () => {
  test.each([
    ['in a text', thought + hello, { part: 1, text: 'Hello, ', isOpen: true }],
    ['in thoughts', `: keep-alive\n\n${thought}`, { part: 1, text: '', isOpen: false }],
    ['before anything of it', event(textChunk('')), { part: 0, text: '', isOpen: false }],
  ])('%s is continued', (_name, delivered, expected) => {
    const resumed = resume(delivered)!;
    expect(resumed).toMatchObject(expected);
    expect(goOn(resumed)).toContain('"text":"world"');
  });

  test('keeps its ids', () => {
    for (const line of goOn(resume(hello)!).trim().split('\n\n')) {
      expect(JSON.parse(line.slice('data: '.length))).toMatchObject(identity);
    }
  });

  test('continues as an array if it was one', () => {
    const delivered = `\n[${JSON.stringify(textChunk('Hello, '))}\n`;
    const chunks = JSON.parse(delivered + goOn(resume(delivered, geminiArrayClient)!));
    expect(chunks).toMatchObject([
      textChunk('Hello, '),
      textChunk('world'),
      { candidates: [{ finishReason: 'STOP' }] },
    ]);
  });

  test.each([
    ['with nothing', ''],
    ['after a finish', event(textChunk('a', { finishReason: 'STOP' }))],
    ['with a call', event({ candidates: [{ content: { parts: [{ functionCall: { name: 'f' } }] } }] })],
    ['with several answers', event(textChunk('a', { index: 1 }))],
    ['with a signed text', event({ candidates: [{ content: { parts: [{ text: 'a', thoughtSignature: 's' }] } }] })],
    ['with thoughts after a text', hello + thought],
    ['with what cannot be read', 'data: {\n\n'],
  ])('%s is not continued', (_name, delivered) => {
    expect(resume(delivered)).toBeNull();
  });
});
