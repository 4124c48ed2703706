// Measures a worker's CPU per stream event in microseconds, from the piece read from the socket to what is sent to Redis, for
// each pair of client and provider protocol, without I/O.
// Run: node bench/micro/relay-stream.ts [PROVIDER-PROTOCOL [CLIENT-PROTOCOL]]
import type { Deployment } from '../../src/config/catalogue.ts';
import type { RequestSpec } from '../../src/contracts/request-record.ts';
import { clientProtocol, findProtocolRoute, type ProtocolRoute } from '../../src/protocols/registry.ts';
import { createTranslation } from '../../src/protocols/translate/translate-answer.ts';
import type { ReplyWriter } from '../../src/reply/publisher.ts';
import { type AttemptSignal, runAttempt } from '../../workers/inference/run-attempt.ts';
import type { Upstream, UpstreamEvents } from '../../workers/inference/upstream.ts';

const EVENTS = 20_000;
const ROUNDS = 7;
const REQUEST_ID = '0192f0a1b2c3d4e5f60718293a4b5c6d';

const event = (data: object, name?: string) =>
  Buffer.from(`${name === undefined ? '' : `event: ${name}\n`}data: ${JSON.stringify(data)}\n\n`);

const WORDS = ['Hello', ' world', ',', ' the', ' ocean', ' is', ' "wide"', '\n', ' über', ' mountains'];
const word = (index: number) => WORDS[index % WORDS.length]!;

/** Events in the middle of an answer as providers send them, with what precedes and ends them. */
const STREAMS: Record<string, (index: number) => Buffer[]> = {
  'openai-chat': (index) => [
    event({
      id: 'chatcmpl-314f85f3325a4ab9bb7c9bc27c43cfba',
      object: 'chat.completion.chunk',
      created: 1_795_904_051,
      model: 'gpt-4o-2024-08-06',
      service_tier: 'default',
      system_fingerprint: 'fp_a7d06e42a7',
      choices: [{ index: 0, delta: { content: word(index) }, logprobs: null, finish_reason: null }],
      usage: null,
      obfuscation: 'x'.repeat(12 - word(index).length),
    }),
  ],
  'anthropic-messages': (index) =>
    index === 0
      ? [
          event(
            {
              type: 'message_start',
              message: {
                id: 'msg_01',
                type: 'message',
                role: 'assistant',
                model: 'claude-sonnet-4-5',
                content: [],
                usage: { input_tokens: 12, output_tokens: 1 },
              },
            },
            'message_start',
          ),
          event(
            { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
            'content_block_start',
          ),
        ]
      : [
          event(
            { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: word(index) } },
            'content_block_delta',
          ),
        ],
  'openai-responses': (index) =>
    index === 0
      ? [
          event(
            {
              type: 'response.created',
              sequence_number: 0,
              response: { id: 'resp_1', object: 'response', status: 'in_progress', model: 'gpt-4o', output: [] },
            },
            'response.created',
          ),
          event(
            {
              type: 'response.output_item.added',
              sequence_number: 1,
              output_index: 0,
              item: { id: 'msg_1', type: 'message', status: 'in_progress', role: 'assistant', content: [] },
            },
            'response.output_item.added',
          ),
          event(
            {
              type: 'response.content_part.added',
              sequence_number: 2,
              item_id: 'msg_1',
              output_index: 0,
              content_index: 0,
              part: { type: 'output_text', text: '', annotations: [] },
            },
            'response.content_part.added',
          ),
        ]
      : [
          event(
            {
              type: 'response.output_text.delta',
              sequence_number: 2 + index,
              item_id: 'msg_1',
              output_index: 0,
              content_index: 0,
              delta: word(index),
              logprobs: [],
              obfuscation: 'x'.repeat(12 - word(index).length),
            },
            'response.output_text.delta',
          ),
        ],
  'gemini-generate-content': (index) => [
    event({
      candidates: [{ content: { parts: [{ text: word(index) }], role: 'model' }, index: 0 }],
      usageMetadata: { promptTokenCount: 12, candidatesTokenCount: index, totalTokenCount: 12 + index },
      modelVersion: 'gemini-2.5-flash',
      responseId: 'FpQ1aYbyDpOsmtkPu8eX8Ac',
    }),
  ],
};

function translationOf({ client, pair }: ProtocolRoute) {
  if (pair === null) return client.passThrough;
  const encoding = { requestId: REQUEST_ID, createdAt: 1, clientBody: {}, clientHeaders: {} };
  return createTranslation(pair, encoding, { requestId: REQUEST_ID, source: { provider: 'p', model: 'm' } });
}

function measure(clientName: string, upstreamName: string): number {
  const route = findProtocolRoute(clientName, [upstreamName])!;
  const pieces = Array.from({ length: EVENTS }, (_, index) => STREAMS[upstreamName]!(index)).flat();
  let events: UpstreamEvents | null = null;
  const call = { isSent: true, abort() {}, letGo() {}, pause() {}, resume() {} };
  const upstream = {
    send: (_provider: unknown, _request: unknown, _id: unknown, given: UpstreamEvents) => {
      events = given;
      return call;
    },
  } as unknown as Upstream;
  let hasAnswered = false;
  const writer = {
    get hasAnswered() {
      return hasAnswered;
    },
    isReady: true,
    head() {
      hasAnswered = true;
    },
    event() {},
  } as unknown as ReplyWriter;
  const signal: AttemptSignal = { failure: null, onAbort: null };
  void runAttempt(
    {
      attemptId: 'bench',
      spec: { isStream: true, deadlineAtMs: Date.now() + 3_600_000 } as RequestSpec,
      deployment: {
        firstTokenMs: null,
        provider: { timeouts: { firstByteMs: null, idleMs: null, totalMs: 3_600_000 }, masks: null },
      } as unknown as Deployment,
      request: {} as never,
      client: clientProtocol(clientName),
      upstream: route.upstream,
      translation: translationOf(route),
      context: {
        usageDelivery: 'none',
        choices: 1,
        estimatedInputTokens: 10,
        requestedModel: 'gpt-4o',
        priceUsage: () => ({ cost: 0, charge: 0 }) as never,
      },
      writer,
      answerHeaders: () => ({}),
      hasEventIds: true,
      maxAnswerBytes: 1e9,
      holdBackTokens: 0,
      signal,
      hasAlternative: false,
      leavesFiltered: false,
      onBegun: () => undefined,
      onBug: (error) => {
        throw error;
      },
    },
    upstream,
  );
  events!.onHead(200, { 'content-type': 'text/event-stream' });
  const before = process.cpuUsage();
  for (const piece of pieces) events!.onData(piece);
  const { user, system } = process.cpuUsage(before);
  if (signal.onAbort === null) throw new Error(`${upstreamName} → ${clientName} ended early`);
  return (user + system) / EVENTS;
}

const [onlyUpstream, onlyClient] = process.argv.slice(2);
for (const upstreamName of Object.keys(STREAMS)) {
  if (onlyUpstream !== undefined && upstreamName !== onlyUpstream) continue;
  for (const clientName of Object.keys(STREAMS)) {
    if (onlyClient !== undefined && clientName !== onlyClient) continue;
    const times = Array.from({ length: ROUNDS }, () => measure(clientName, upstreamName)).sort((a, b) => a - b);
    const name = `${upstreamName} → ${clientName}${upstreamName === clientName ? ' (pass-through)' : ''}`;
    console.log(`${name.padEnd(66)} ${times[0]!.toFixed(2)} µs, median ${times[ROUNDS >> 1]!.toFixed(2)}`);
  }
}
process.exit(0);
