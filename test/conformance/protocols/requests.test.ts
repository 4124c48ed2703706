// Every client's requests, as every provider gets them: the provider's own fixture of the same case, or the exception in
// request-expectations.ts.
import { describe, expect, test } from 'vitest';
import { isFailure } from '#src/contracts/failure.ts';
import type { InferenceRequest } from '#src/contracts/inference-request.ts';
import type { RequestField } from '#src/protocols/codec.ts';
import { translateRequest } from '#src/protocols/translate/translate-request.ts';
import type { CaseName } from '#test/fixtures/protocols/fixtures.ts';
import { comparableRequest } from './comparable-requests.ts';
import { clientCodec, FIXTURES, PROVIDER_NAMES, type ProviderName, providerCodec } from './protocols.ts';
import { DROPPED, expectedRequest, modelFor, REFUSED } from './request-expectations.ts';

const casesOf = (client: ProviderName) => Object.keys(FIXTURES[client].requests) as CaseName[];

function decode(client: ProviderName, name: CaseName): InferenceRequest {
  const request = clientCodec(client).decodeRequest(FIXTURES[client].requests[name]!);
  if (isFailure(request)) throw new Error(request.message);
  return request;
}

describe.each(PROVIDER_NAMES)('requests of a client of %s', (client) => {
  test.each(casesOf(client))('%s: all of it has a place in the canonical form', (name) => {
    expect(decode(client, name).unmapped).toEqual({});
  });

  describe.each(PROVIDER_NAMES)('to a provider of %s', (vendor) => {
    test.each(casesOf(client))('%s', (name) => {
      const input = { upstreamModel: modelFor(vendor, name), isStream: false, canReportStreamUsage: true };
      const encoded = providerCodec(vendor).encodeRequest(decode(client, name), input);
      const refused = REFUSED[vendor][name];
      if (refused !== undefined) return expect(encoded).toMatchObject({ kind: 'refusal', field: refused });
      if (encoded.kind === 'refusal') throw new Error(`${encoded.field} ${encoded.reason}`);
      expect(encoded.dropped.toSorted()).toEqual(droppedOf(client, vendor, name));
      const expected = comparableRequest(vendor, expectedRequest(client, vendor, name));
      expect(comparableRequest(vendor, encoded.body)).toEqual(expected);
    });
  });
});

/** Of what the provider does not get, the part that this client's request contains. */
function droppedOf(client: ProviderName, vendor: ProviderName, name: CaseName): RequestField[] {
  const { sampling, ...request } = decode(client, name);
  const said = { ...request, ...(request.allowsParallelToolCalls === undefined ? {} : { parallelToolCalls: false }) };
  const fields: RequestField[] = (DROPPED[vendor][name] ?? []).filter((field) => field in said || field in sampling);
  return fields.toSorted();
}

describe('the error or header that a client gets', () => {
  const send = (client: ProviderName, vendor: ProviderName, body: Record<string, unknown>) =>
    translateRequest(
      { client: clientCodec(client), upstream: providerCodec(vendor) },
      {
        body,
        provider: 'acme',
        providerProtocol: vendor,
        upstreamModel: 'some-model',
        isStream: false,
        canReportStreamUsage: true,
      },
    );

  test.each(PROVIDER_NAMES.flatMap((client) => PROVIDER_NAMES.map((vendor) => [client, vendor] as const)))(
    'of a refusal: the field by the client’s name, the provider and its protocol (%s → %s)',
    (client, vendor) => {
      for (const [name, field] of Object.entries(REFUSED[vendor]) as [CaseName, RequestField][]) {
        const body = FIXTURES[client].requests[name];
        if (body === undefined) continue;
        const param = clientCodec(client).fieldName(field);
        expect(send(client, vendor, body)).toMatchObject({ code: 'parameter_unsupported', param });
        const failure = send(client, vendor, body) as { message: string };
        expect(failure.message).toContain(`'${param}' cannot be sent to provider 'acme' (${vendor}): it `);
      }
    },
  );

  test.each<[ProviderName, Record<string, unknown>, string]>([
    ['openai-chat', { brand_new: 1, web_search_options: null }, 'brand_new'],
    ['openai-responses', { brand_new: 1, truncation: 'auto' }, 'brand_new, truncation'],
    ['anthropic-messages', { brand_new: 1, container: 'c' }, 'brand_new, container'],
    [
      'gemini-generate-content',
      { brandNew: 1, generationConfig: { brandNew: 2 } },
      'brandNew, generationConfig.brandNew',
    ],
  ])('of unknown members: their names, by the path that a client of %s knows', (client, more, names) => {
    const body = { ...FIXTURES[client].requests.text!, ...more };
    for (const vendor of PROVIDER_NAMES) {
      const translated = send(client, vendor, body);
      expect((translated as { dropped: string[] }).dropped.toSorted().join(', ')).toBe(names);
    }
  });

  test('every field has a name in every client’s protocol, and none is accidentally canonical', () => {
    for (const client of PROVIDER_NAMES) {
      for (const field of Object.values(DROPPED).flatMap((cases) => Object.values(cases).flat())) {
        const name = clientCodec(client).fieldName(field);
        expect(name).toMatch(client === 'gemini-generate-content' ? /^[a-zA-Z.]+$/ : /^[a-z_.]+$/);
      }
    }
  });
});
