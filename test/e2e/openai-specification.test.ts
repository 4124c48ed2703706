// Responses of the Files and Batch APIs, validated with OpenAI's specification. Skipped if the machine does not have it.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chatLines, ended, sdk, submit, upload } from '#test/support/batches.ts';
import { startBroker, TEST_KEY, type TestBroker } from '#test/support/broker.ts';
import { hasOpenaiSchemas, loadOpenaiSchemas, type OpenaiSchemas } from '#test/support/openai-schemas.ts';
import { type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';

describe.skipIf(!hasOpenaiSchemas)('conforms to the specification', () => {
  let schemas: OpenaiSchemas;
  let vendors: Providers;
  let broker: TestBroker;

  beforeAll(async () => {
    schemas = loadOpenaiSchemas();
    vendors = await startProviders({ tokens: 4 });
    broker = await startBroker({ configuration: providerConfiguration(vendors), together: true });
  });
  afterAll(async () => {
    await broker?.stop();
    await vendors?.close();
  });

  async function call(method: string, path: string, body?: object): Promise<unknown> {
    const answer = await fetch(`${broker.url}/v1/${path}`, {
      method,
      headers: { authorization: `Bearer ${TEST_KEY}`, 'content-type': 'application/json' },
      ...(method === 'POST' ? { body: JSON.stringify(body ?? {}) } : {}),
    });
    return answer.json();
  }
  const faults = async (schema: string, method: string, path: string, body?: object) =>
    schemas.faultsOf(schema, await call(method, path, body));

  test('the schemas distinguish valid from invalid', () => {
    expect(schemas.faultsOf('Batch', { id: 1, object: 'batch' })).not.toEqual([]);
    expect(schemas.faultsOf('DeleteFileResponse', { id: 'file-1', object: 'file', deleted: true })).toEqual([]);
  });

  test('files: created, listed, retrieved, deleted', async () => {
    const id = await upload(sdk(broker), chatLines(2));
    expect(await faults('OpenAIFile', 'GET', `files/${id}`)).toEqual([]);
    expect(await faults('ListFilesResponse', 'GET', 'files')).toEqual([]);
    expect(await faults('DeleteFileResponse', 'DELETE', `files/${id}`)).toEqual([]);
    expect(await faults('ErrorResponse', 'GET', `files/${id}`)).toEqual([]);
  });

  test('batches: created, retrieved at the end, listed, refused', async () => {
    const client = sdk(broker);
    const wish = {
      input_file_id: await upload(
        client,
        chatLines(20, (index) => (index === 3 ? '[[sim fault=400]] no' : 'Hello')),
      ),
      endpoint: '/v1/chat/completions',
      completion_window: '24h',
      metadata: { team: 'search' },
    };
    expect(schemas.faultsOf('CreateBatchRequest', wish)).toEqual([]);
    const created = (await call('POST', 'batches', wish)) as { id: string };
    expect(schemas.faultsOf('Batch', created)).toEqual([]);
    const done = await ended(client, created.id);
    expect(schemas.faultsOf('Batch', done)).toEqual([]);
    for (const id of [done.output_file_id, done.error_file_id]) {
      expect(await faults('OpenAIFile', 'GET', `files/${id}`)).toEqual([]);
    }
    expect(await faults('ErrorResponse', 'POST', `batches/${created.id}/cancel`)).toEqual([]);

    const failed = await ended(client, (await submit(client, 'hello\n')).id);
    expect(failed.errors!.data).toHaveLength(1);
    expect(schemas.faultsOf('Batch', failed)).toEqual([]);

    const cancelled = await submit(
      client,
      chatLines(400, () => '[[sim first=400]] wait'),
    );
    expect(await faults('Batch', 'POST', `batches/${cancelled.id}/cancel`)).toEqual([]);
    expect(schemas.faultsOf('Batch', await ended(client, cancelled.id))).toEqual([]);
    expect(await faults('ListBatchesResponse', 'GET', 'batches')).toEqual([]);
  });
});
