// A provider's list of models is fetched with any credential that may read it.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '#simulator/simulator.ts';
import { createCatalogue } from '#src/config/catalogue.ts';
import { configurationSchema } from '#src/config/schema.ts';
import { type Accounts, startAccounts } from '#test/support/accounts.ts';
import { fetchModelList } from '#workers/support/model-lists.ts';

let simulator: Simulator;
let accounts: Accounts;
beforeAll(async () => {
  simulator = await startSimulator({});
  accounts = await startAccounts({ 'sk-good-0000001': simulator, 'sk-good-0000002': simulator });
});
afterAll(async () => {
  await accounts?.close();
  await simulator?.close();
});

const providerWith = (credentials: Record<string, string>) => {
  const configuration = configurationSchema.parse({
    providers: {
      p: {
        protocols: ['openai-chat'],
        base_url: `${accounts.url}/v1`,
        credentials: Object.fromEntries(Object.entries(credentials).map(([name, key]) => [name, { api_key: key }])),
      },
    },
    models: {},
  });
  return createCatalogue(configuration).providers.get('p')!;
};
const never = () => false;

test('after a refused credential the next one is used', async () => {
  const list = await fetchModelList(providerWith({ bad: 'sk-revoked-0000', good: 'sk-good-0000001' }), never);
  expect(list.length).toBeGreaterThan(0);
});

test('a credential out of rotation comes last, and is used if there is no other', async () => {
  const asked: string[] = [];
  const isOut = ({ name }: { name: string }) => asked.push(name) > 0 && name === 'first';
  const provider = providerWith({ first: 'sk-revoked-0000', second: 'sk-good-0000002' });
  expect((await fetchModelList(provider, isOut)).length).toBeGreaterThan(0);
  const alone = providerWith({ first: 'sk-good-0000001' });
  expect((await fetchModelList(alone, isOut)).length).toBeGreaterThan(0);
});

test('if all are refused, the last refusal is reported, without a secret', async () => {
  const provider = providerWith({ one: 'sk-revoked-0000', two: 'sk-revoked-1111' });
  await expect(fetchModelList(provider, never)).rejects.toThrow('it responded with 401');
});
