// A call from a client of one protocol to a provider of another (or the same), as the worker prepares it, and what the
// client gets of the provider's answer.
import { type Cure, isFailure } from '#src/contracts/failure.ts';
import { type PreparedCall, type ProviderDialect, prepareCall } from '#src/protocols/call/prepare-call.ts';
import { findProtocolRoute } from '#src/protocols/registry.ts';
import { SseSplitter } from '#src/protocols/wire/sse-splitter.ts';
import { type ProviderName, relayContext } from './protocols.ts';

export const PROVIDER: ProviderDialect = {
  ...{ name: 'vendor', apiKey: null, credentialHeader: null, paths: {}, query: {} },
  ...{ canReportStreamUsage: true, prefill: null },
};

const MODELS: Record<ProviderName, string> = {
  'openai-chat': 'some-model',
  'openai-responses': 'gpt-5.1',
  'anthropic-messages': 'claude-opus-5',
  'gemini-generate-content': 'gemini-3-flash-preview',
};

export function prepare(
  client: ProviderName,
  vendor: ProviderName,
  body: string,
  isStream = false,
  cures: Cure[] = [],
): PreparedCall {
  const call = prepareCall(findProtocolRoute(client, [vendor])!, PROVIDER, {
    body: Buffer.from(body),
    upstreamModel: MODELS[vendor],
    isStream,
    requestId: 'req_1',
    acceptedAtMs: 0,
    forwardedHeaders: {},
    cures: new Set(cures),
  });
  if (isFailure(call)) throw new Error(call.message);
  return call;
}

/** The bytes of a whole answer, as the client gets them. */
export function relayWhole({ translation }: PreparedCall, body: string): string {
  return translation.relayBody(Buffer.from(body), relayContext).body.toString();
}

/** The same of a stream. */
export function relayStream({ translation }: PreparedCall, text: string): string {
  const relay = translation.openStream(relayContext);
  const events = new SseSplitter().push(Buffer.from(text)).map((event) => relay.accept(event).bytes?.toString() ?? '');
  return events.join('') + (relay.end().bytes?.toString() ?? '');
}
