// Random changes to the bytes of clients and providers, passed through everything that reads them: nothing throws beyond its
// bound, for any input. What counts as a valid request or answer is tested in test/conformance.
import { PassThrough } from 'node:stream';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { receiveUpload } from '#src/api/admit/receive-upload.ts';
import { readLine } from '#src/batches/input-lines.ts';
import { FailureError, isFailure } from '#src/contracts/failure.ts';
import { findExcess } from '#src/protocols/bounds/json-bounds.ts';
import { readNamedRequest } from '#src/protocols/bounds/request-names.ts';
import { type CallInput, prepareCall } from '#src/protocols/call/prepare-call.ts';
import { clientProtocol, findProtocolRoute, type ProtocolRoute } from '#src/protocols/registry.ts';
import { EventTooLarge, SseSplitter } from '#src/protocols/wire/sse-splitter.ts';
import { type Mutation, mutate, mutation } from '#test/support/mutate.ts';
import { explore } from '#test/support/runs.ts';
import { PROVIDER } from '../conformance/protocols/prepared-call.ts';
import { FIXTURES, PROVIDER_NAMES, type ProviderName, relayContext } from '../conformance/protocols/protocols.ts';

const CLIENTS = [
  ...PROVIDER_NAMES,
  'openai-completions',
  'openai-embeddings',
  'gemini-generate-content-array',
] as const;
/** Whose fixtures are changed for a client without its own. */
const FORMAT: Partial<Record<(typeof CLIENTS)[number], ProviderName>> = {
  'openai-completions': 'openai-chat',
  'openai-embeddings': 'openai-chat',
  'gemini-generate-content-array': 'gemini-generate-content',
};

/** One change of bytes: a range is cut out, repeated, or replaced by bytes that are hard for parsers. */
const change = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  length: fc.nat({ max: 24 }),
  what: fc.oneof(
    fc.constantFrom(
      ...[
        '',
        '"',
        '\\',
        '{',
        '}',
        '[',
        ']',
        ',',
        ':',
        'null',
        '-1',
        '1e999',
        '0.1',
        '"a"',
        '[]',
        '{}',
        '\n\n',
        '\r',
        ': \n',
      ],
      ...[
        'data: [DONE]\n\n',
        'data:\n\n',
        'event: x\n',
        'id: 1\n',
        '\u0000',
        '\\ud800',
        '"type":"error",',
        '{"a":'.repeat(200),
      ],
    ),
    fc.string({ maxLength: 8 }),
  ),
  isRepeated: fc.boolean(),
});
const changes = fc.array(change, { minLength: 1, maxLength: 4 });
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;

function bend(bytes: Buffer, bends: readonly Change[]): Buffer {
  return bends.reduce((before, { at, length, what, isRepeated }) => {
    const from = Math.floor(at * before.length);
    const stretch = before.subarray(from, from + length);
    const middle = isRepeated ? Buffer.concat([stretch, Buffer.from(what), stretch]) : Buffer.from(what);
    return Buffer.concat([before.subarray(0, from), middle, before.subarray(from + length)]);
  }, bytes);
}

const mutations = fc.array(mutation, { minLength: 1, maxLength: 3 });

/** The JSON, with its bytes bent or its members changed. */
function disturb(json: unknown, how: readonly Change[] | readonly Mutation[]): Buffer {
  const [first] = how;
  if (first !== undefined && 'at' in first) return bend(Buffer.from(JSON.stringify(json)), how as readonly Change[]);
  const changed = (how as readonly Mutation[]).reduce(mutate, json);
  return Buffer.from(JSON.stringify(changed) ?? 'null');
}

function parsed(bytes: Buffer): unknown {
  if (findExcess(bytes) !== null) return undefined;
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}

const inputOf = (body: Buffer, isStream: boolean): CallInput => ({
  body,
  upstreamModel: 'some-model',
  isStream,
  requestId: 'req_1',
  acceptedAtMs: 0,
  forwardedHeaders: {},
  cures: new Set(),
});

function routesOf(client: string): ProtocolRoute[] {
  return PROVIDER_NAMES.map((vendor) => findProtocolRoute(client, [vendor])).filter((route) => route !== null);
}

describe('requests of a client', () => {
  test.each(CLIENTS)('%s', (name) => {
    const bodies = Object.values(FIXTURES[FORMAT[name] ?? (name as ProviderName)].requests);
    const client = clientProtocol(name);
    const target = { path: '/v1beta/models/some-model:generateContent', query: {} };
    return fc.assert(
      fc.property(fc.nat(), fc.oneof(changes, mutations), (which, bends) => {
        const bytes = disturb(bodies[which % bodies.length], bends);
        const value = parsed(bytes);
        if (value === undefined) return;
        const facts = readNamedRequest(client, value, target);
        if (isFailure(facts)) return;
        for (const route of routesOf(name)) prepareCall(route, PROVIDER, inputOf(bytes, facts.isStream));
      }),
      explore(300),
    );
  });
});

describe('answers of a provider', () => {
  const bodyOf = (client: (typeof CLIENTS)[number]) => {
    const [body] = Object.values(FIXTURES[FORMAT[client] ?? (client as ProviderName)].requests);
    return Buffer.from(JSON.stringify(body));
  };
  const callsTo = (vendor: ProviderName, isStream: boolean) =>
    CLIENTS.filter((name) => name !== 'openai-embeddings').flatMap((name) => {
      const route = findProtocolRoute(name, [vendor]);
      const call = route === null ? null : prepareCall(route, PROVIDER, inputOf(bodyOf(name), isStream));
      return call === null || isFailure(call) ? [] : [call];
    });

  test.each(PROVIDER_NAMES)('streams of %s', (vendor) => {
    const calls = callsTo(vendor, true);
    const streams = Object.values(FIXTURES[vendor].answers).map(({ stream }) => Buffer.from(stream));
    expect(calls.length).toBeGreaterThan(3);
    return fc.assert(
      fc.property(fc.nat(), changes, fc.nat({ max: 60 }), (which, bends, cut) => {
        const bytes = bend(streams[which % streams.length]!, bends);
        for (const { translation } of calls) {
          const relay = translation.openStream(relayContext);
          const splitter = new SseSplitter();
          for (const piece of [bytes.subarray(0, cut), bytes.subarray(cut)]) {
            for (const event of splitter.push(piece)) if (relay.accept(event).failure !== undefined) return;
          }
          const rest = splitter.end();
          if (rest !== null) relay.accept(rest);
          relay.end();
          relay.usage();
        }
      }),
      explore(300),
    );
  });

  test.each(PROVIDER_NAMES)('whole answers of %s', (vendor) => {
    const calls = callsTo(vendor, false);
    const answers = Object.values(FIXTURES[vendor].answers).map(({ whole }) => whole);
    return fc.assert(
      fc.property(fc.nat(), fc.oneof(changes, mutations), (which, bends) => {
        const bytes = disturb(answers[which % answers.length], bends);
        for (const { translation } of calls) translation.relayBody(bytes, relayContext);
      }),
      explore(300),
    );
  });

  test.each(PROVIDER_NAMES)('refusals of %s', (name) => {
    const { upstream } = findProtocolRoute(name, [name])!;
    const bodies = [
      '{"error":{"message":"slow down, try again in 3.2s","type":"rate_limit_error","code":"rate_limit_exceeded","param":null}}',
      '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}',
      '[{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"quota","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"7s"}]}}]',
      '<html>502</html>',
    ].map((text) => Buffer.from(text));
    const header = fc.oneof(
      fc.string({ maxLength: 40 }),
      fc.constantFrom(
        '7',
        '-1',
        '1e99',
        '7s',
        '1m2.5s',
        '1764288000',
        '1764288000000',
        'Fri, 27 Nov 2026 10:00:00 GMT',
        '',
      ),
    );
    const headers = fc.dictionary(
      fc.constantFrom(
        'retry-after',
        'retry-after-ms',
        'x-ratelimit-reset',
        'x-ratelimit-reset-requests',
        'x-ratelimit-remaining-tokens',
        'anthropic-ratelimit-tokens-reset',
        'content-type',
      ),
      header,
    );
    return fc.assert(
      fc.property(fc.nat(), changes, headers, fc.integer({ min: 300, max: 599 }), (which, bends, said, status) => {
        const head = { status, headers: said };
        const failure = upstream.readFailure(head, bend(bodies[which % bodies.length]!, bends), 1_764_240_000_000);
        expect(failure.message.length).toBeLessThan(5_000);
        if (failure.retryAfterMs !== undefined) expect(failure.retryAfterMs).toBeGreaterThanOrEqual(0);
        for (const value of Object.values(upstream.readRateLimits(head, 1_764_240_000_000))) {
          if (typeof value === 'number') expect(Number.isFinite(value)).toBe(true);
        }
      }),
      explore(300),
    );
  });
});

test('arbitrary bytes as an event stream', () => {
  return fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 10 }), (pieces) => {
      const splitter = new SseSplitter();
      try {
        for (const piece of pieces) splitter.push(Buffer.from(piece));
        splitter.end();
      } catch (error) {
        expect(error).toBeInstanceOf(EventTooLarge);
      }
    }),
    explore(1_000),
  );
});

test('lines of a batch', () => {
  const line = Buffer.from(
    JSON.stringify({ custom_id: 'a', method: 'POST', url: '/v1/chat/completions', body: { model: 'm', messages: [] } }),
  );
  return fc.assert(
    fc.property(changes, (bends) => {
      expect(readLine({ bytes: bend(line, bends) }, '/v1/chat/completions')).toBeDefined();
    }),
    explore(500),
  );
});

test('uploads: each ends with a clear error', async () => {
  const form = Buffer.from(
    '--b\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--b\r\ncontent-disposition: form-data; name="file"; filename="a.jsonl"\r\ncontent-type: application/json\r\n\r\n{}\n\r\n--b--\r\n',
  );
  await fc.assert(
    fc.asyncProperty(changes, fc.boolean(), async (bends, isWhole) => {
      const headers = { 'content-type': 'multipart/form-data; boundary=b' };
      const source = Object.assign(new PassThrough(), { headers, complete: isWhole, socket: { bytesRead: 0 } });
      const upload = receiveUpload(source as never, source, { maxBytes: 1_000, paceMs: 60_000 }, async (file) => {
        let bytes = 0;
        for await (const piece of file) bytes += piece.length;
        return { bytes } as never;
      });
      source.end(bend(form, bends));
      await upload.catch((error: unknown) => expect(error).toBeInstanceOf(FailureError));
    }),
    explore(200),
  );
});
