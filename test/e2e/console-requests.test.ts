// Requests in the console, from the first one to a million: the playground, the waterfall, faults, holds, batches, dead letters.
import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { beforeEach, expect, test } from 'vitest';
import { createLedgerStore } from '#src/ledger/ledger-store.ts';
import { admin } from '#test/support/admin.ts';
import type { TestBroker } from '#test/support/broker.ts';
import { ask } from '#test/support/client.ts';
import { traceTasks } from '#test/support/console.ts';
import { useConsole } from '#test/support/console-suite.ts';
import { waitFor } from '#test/support/wait.ts';

const the = useConsole();
let page: Page;
let broker: TestBroker;
beforeEach(() => {
  ({ page, broker } = the);
});

test('from the first start to an answer in the playground: text, cost, code', async () => {
  await the.go('/playground');
  await page.getByLabel('As this key').selectOption({ label: 'test' });
  await page.getByLabel('Model').fill('pair');
  await page.getByLabel('Prompt').fill('Reply with exactly: it works here');
  await page.getByRole('button', { name: 'Send' }).click();
  await page.getByTestId('answer').filter({ hasText: 'it works here' }).waitFor();
  await page.getByText('1 attempt').waitFor();
  await page.getByRole('tab', { name: 'Python' }).click();
  await page.getByText('from openai import OpenAI').waitFor();
  for (const protocol of ['openai-responses', 'anthropic-messages', 'gemini-generate-content']) {
    await page.getByLabel('Protocol').selectOption(protocol);
    await page.getByRole('button', { name: 'Send' }).click();
    await page.getByTestId('answer').filter({ hasText: 'it works here' }).waitFor();
    await page.getByText('1 attempt').waitFor();
  }
});

test('the playground sends tools and images, and shows the model’s calls', async () => {
  await the.go('/playground');
  await page.getByLabel('As this key').selectOption({ label: 'test' });
  await page.getByLabel('Model').fill('pair');
  const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
  const image = { name: 'pixel.png', mimeType: 'image/png', buffer: Buffer.from(pixel, 'base64') };
  await page.getByLabel('Images').setInputFiles(image);
  await page.getByRole('button', { name: 'Remove image 1' }).waitFor();
  await page.getByLabel('Prompt').fill('Please look_up Paris.');
  await page.getByText('Tools and settings').click();
  await page
    .getByLabel(/^Tools, as JSON/)
    .fill('[{"name": "look_up", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}]');
  await page.getByText(`data:image/png;base64,${pixel}`).waitFor();
  await page.getByRole('button', { name: 'Send' }).click();
  await page.getByText('1 attempt').waitFor();
  await page
    .locator('pre.text')
    .filter({ hasText: /^look_up\(\{"city":/ })
    .waitFor();
  await page.getByRole('tab', { name: 'Raw' }).click();
  await page.locator('pre.text').filter({ hasText: 'data:' }).first().waitFor();
});

test('a failover is shown in the waterfall: the failed attempt, and the successful one', async () => {
  const prompt = 'A question [[sim on=primary fault=503]]';
  const { headers } = await ask(broker.url, { prompt, model: 'pair', stream: true });
  await the.go(`/requests/${headers['x-request-id']}`);
  await page.getByRole('button', { name: /Attempt 1 · primary.*upstream overloaded/ }).waitFor();
  const answered = page.getByRole('button', { name: /Attempt \d · secondary.*ok/ });
  await answered.click();
  await page.getByText('tokens per second').waitFor();
  await page.getByText('answered by secondary').waitFor();

  // All of it came with the first byte: there is no time in between to count tokens over.
  const whole = await ask(broker.url, { prompt: 'A question', model: 'pair' });
  await the.go(`/requests/${whole.headers['x-request-id']}`);
  await page.getByRole('button', { name: /Attempt 1 · primary.*ok/ }).click();
  await page.getByText('tokens per second, over the whole call').waitFor();
});

test('an attempt opened before its ledger entry exists is completed without a reload', async () => {
  const { headers } = await ask(broker.url, { prompt: 'A question', model: 'pair', stream: true });
  let isHeldBack = true;
  await page.route('**/admin/requests/req_*', async (route) => {
    const answer = await route.fetch();
    const request = (await answer.json()) as { attempts: object[] };
    await route.fulfill({ response: answer, json: isHeldBack ? { ...request, attempts: [] } : request });
  });
  await the.go(`/requests/${headers['x-request-id']}`);
  await page.getByRole('button', { name: /Attempt 1 · primary.*ok/ }).click();
  await page.getByText('A call to a provider that is not in the ledger yet.').waitFor();
  isHeldBack = false;
  await page.getByText('tokens per second').waitFor();
});

test('the waterfall shows how an answer grew, which providers were skipped and why, and where a broken answer was continued', async () => {
  await admin(broker, 'POST', '/holds', { provider: 'primary', reason: 'to be seen' });
  const steady = '[[sim tokens=40]] [[sim pace=20]]';
  const held = await ask(broker.url, { prompt: `Grow ${steady}`, model: 'pair', stream: true });
  await admin(broker, 'DELETE', '/holds/provider:primary');
  await the.go(`/requests/${held.headers['x-request-id']}`);
  await page.getByRole('button', { name: /Not called · primary.*held by an operator/ }).waitFor();
  await page.locator('.piece.grown .curve').waitFor();
  await page.getByRole('button', { name: /Attempt 1 · secondary/ }).click();
  await page.getByText('Frames sent').waitFor();
  await page.getByText('Tokens over time').waitFor();

  const broken = await ask(broker.url, {
    prompt: `Cut [[sim on=primary fault=cut@6]] ${steady}`,
    model: 'pair',
    stream: true,
  });
  await the.go(`/requests/${broken.headers['x-request-id']}`);
  await page.getByRole('button', { name: /Attempt 3 · secondary.*repeated the answer/ }).waitFor();
  await page
    .getByRole('row', { name: /output/ })
    .first()
    .waitFor();
});

test('a hedge is shown next to the attempt that it overtook: both bars, which one lost, what both cost', async () => {
  // As many second attempts may be made as answers were given.
  const asked = (prompt: string) => ask(broker.url, { prompt, model: 'hedged', stream: true });
  for (let turn = 0; turn < 10; turn++) await asked(`Warm up ${turn}`);
  const raced = async () => {
    const { headers } = await asked('Slow [[sim on=primary fault=slow:2000]] [[sim pace=20]]');
    return headers['x-sluice-provider'] === 'secondary' ? headers['x-request-id'] : undefined;
  };
  const id = await waitFor('a hedge', raced);
  await the.go(`/requests/${id}`);
  const lost = page.getByRole('button', { name: /^Attempt 1 · primary hedge lost/ });
  const won = page.getByRole('button', { name: /^Hedge 2 · secondary ok/ });
  await Promise.all([lost.waitFor(), won.waitFor()]);
  const edgesOf = async (row: typeof lost) => {
    const boxes = await Promise.all((await row.locator('.piece').all()).map((piece) => piece.boundingBox()));
    return [Math.min(...boxes.map((box) => box!.x)), Math.max(...boxes.map((box) => box!.x + box!.width))] as const;
  };
  const [[lostFrom, lostTo], [wonFrom, wonTo]] = [await edgesOf(lost), await edgesOf(won)];
  expect(lostFrom).toBeLessThan(wonFrom);
  expect(lostTo).toBeGreaterThan(wonFrom);
  expect(wonTo).toBeGreaterThan(lostTo - 1);
  await won.click();
  await page.getByText('tokens per second').waitFor();
  await page.getByText('Hedged attempts').waitFor();
});

test('the curve of an answer grows while it arrives, by the time of Sluice on a device whose clock is wrong', async () => {
  await page.addInitScript('const now = Date.now; Date.now = () => now() - 3_600_000');
  await the.go('/requests');
  const prompt = 'Grow slowly [[sim tokens=400]] [[sim pace=40]]';
  const asking = ask(broker.url, { prompt, model: 'pair', headers: { prefer: 'respond-async' }, stream: true });
  const { headers } = await asking;
  await the.go(`/requests/${headers['x-request-id']}`);
  const row = page.getByRole('button', { name: /Running.*frames so far/ });
  await row.locator('.curve').waitFor();
  // The hour by which the device is behind is not visible.
  expect(await row.locator('.took').textContent()).toMatch(/^\d+(\.\d+)? m?s$/);
  await page.getByRole('button', { name: 'Cancel' }).click();
  await page.getByText('is being cancelled.').waitFor();
});

test('a hold is placed with a reason, obeyed, and released', async () => {
  await the.go('/providers');
  const panel = page.locator('section', { has: page.getByRole('heading', { name: 'primary', exact: true }) });
  await panel.getByRole('button', { name: 'Hold …' }).first().click();
  await page.getByLabel('Reason').fill('maintenance until noon');
  await page.getByRole('dialog').getByRole('button', { name: 'Hold', exact: true }).click();
  await panel.getByText('maintenance until noon').waitFor();
  const answer = await ask(broker.url, { prompt: 'Hello', model: 'pair' });
  expect(answer.headers['x-sluice-provider']).toBe('secondary');
  await panel.getByRole('button', { name: 'Release' }).first().click();
  await panel.getByText('maintenance until noon').waitFor({ state: 'detached' });
  // One of several credentials: its share, its limit, and its own hold.
  const row = page.getByRole('row', { name: /^second / });
  await row.getByText('25 %').waitFor();
  await row.getByRole('meter').waitFor();
  await row.getByRole('button', { name: 'Hold …' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Hold', exact: true }).click();
  await row.getByText('held', { exact: true }).waitFor();
  await row.getByRole('button', { name: 'Release' }).click();
  await row.getByText('healthy').waitFor();
});

test('a batch is checked, uploaded, watched and downloaded', async () => {
  const line = (id: string) =>
    JSON.stringify({
      custom_id: id,
      method: 'POST',
      url: '/v1/chat/completions',
      body: { model: 'solo', messages: [{ role: 'user', content: `Hello ${id}` }] },
    });
  const file = (name: string, text: string) => ({ name, mimeType: 'application/jsonl', buffer: Buffer.from(text) });
  await the.go('/batches');
  const input = page.locator('input[type=file]');
  await input.setInputFiles(file('bad.jsonl', `${line('a')}\n${line('a')}\nnot json`));
  await page.getByText("line 2: custom_id 'a' is used twice").waitFor();
  await page.getByRole('dialog').getByRole('button', { name: 'Start the batch' }).click();
  await page.getByText('The file has errors; nothing was sent.').waitFor();
  await page.getByRole('button', { name: 'Cancel' }).click();

  const dropped = await page.evaluateHandle(`(() => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([${JSON.stringify(`${line('a')}\n${line('b')}\n`)}], 'good.jsonl', { type: 'application/jsonl' }));
    return transfer;
  })()`);
  await page.dispatchEvent('.drop', 'drop', { dataTransfer: dropped });
  await page.getByText('no faults found').waitFor();
  await page.getByLabel('As this key').selectOption({ label: 'test' });
  await page.getByRole('button', { name: 'Start the batch' }).click();
  await page.getByText('2 of 2 lines').waitFor({ timeout: 20_000 });
  const results = page.getByRole('link', { name: 'Results' });
  await results.waitFor({ timeout: 20_000 });
  const [download] = await Promise.all([page.waitForEvent('download'), results.click()]);
  const text = readFileSync(await download.path(), 'utf8');
  expect(text.trim().split('\n')).toHaveLength(2);
});

test('a fault rule can be switched on and off, and applies in between', async () => {
  await the.go('/simulator');
  const panel = page.locator('section', { has: page.getByRole('heading', { name: 'primary', exact: true }) });
  await panel.getByLabel('Down (503)').click();
  await panel.getByRole('cell', { name: 'unavailable' }).waitFor();
  expect((await ask(broker.url, { prompt: 'Hello', model: 'pair' })).headers['x-sluice-provider']).toBe('secondary');
  await panel.getByRole('button', { name: 'Off' }).click();
  await panel.getByText('No faults are active').waitFor();
});

test('a permanently failed request is replayed with another model', async () => {
  await ask(broker.url, { prompt: 'Lost [[sim fault=500]]', model: 'lost', headers: { prefer: 'respond-async' } });
  // A page opened before would refresh only after some time.
  await waitFor(
    'the letter',
    async () => (await admin<{ data: object[] }>(broker, 'GET', '/dead-letters')).json.data[0],
  );
  await the.go('/dead-letters');
  await page.getByRole('button', { name: 'Replay …' }).first().click();
  await page.getByLabel('Another model').fill('pair');
  await page.getByRole('dialog').getByRole('button', { name: 'Replay', exact: true }).click();
  await page.getByText(/Replayed as req_/).waitFor();
});

test('a table of very many rows is scrolled without a slow task, and without rendering all of them', async () => {
  await insertMany(12_000);
  await the.go('/requests?model=many');
  const rows = page.locator('.rows');
  await rows.locator('.line').first().waitFor();
  const tasks = await traceTasks(the.browser, async () => {
    expect(await page.evaluate(SCROLL)).toBeLessThan(120);
  });
  // By CPU time: the tests that run at the same time use the processor too.
  expect(tasks).toMatchObject({ longByCpu: 0 });
  expect(tasks.count).toBeGreaterThan(100);
  await rows.focus();
  await page.keyboard.press('Home');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await the.heading('Request');
});

/** Runs in the page: scrolls until thousands of rows are known; returns how many were in the page at once, at most. */
const SCROLL = `(async () => {
  const scroller = document.querySelector('.rows');
  const known = () => Number(scroller.querySelector('.inner').getAttribute('aria-rowcount'));
  let most = 0;
  while (known() < 3000) {
    scroller.scrollTop += 1500;
    await new Promise(requestAnimationFrame);
    most = Math.max(most, document.querySelectorAll('.rows .line').length);
  }
  return most;
})()`;

/** Requests of two hours ago, straight into the ledger. */
async function insertMany(count: number): Promise<void> {
  const ledger = createLedgerStore(broker.database);
  const startMs = Date.now() - 7_200_000;
  const digits = '0123456789abcdefghjkmnpqrstvwxyz';
  const idOf = (number: number) =>
    `req_0${'0'.repeat(16)}${[3, 2, 1, 0].map((place) => digits[Math.floor(number / 32 ** place) % 32]).join('')}0000`;
  for (let from = 0; from < count; from += 2_000) {
    const messages = Array.from({ length: Math.min(2_000, count - from) }, (_, index) => ({
      request: {
        requestId: idOf(from + index),
        keyId: 'key_none',
        model: 'many',
        protocol: 'openai-chat',
        lane: 'interactive' as const,
        isStream: false,
        outcome: 'ok',
        provider: 'primary',
        upstreamModel: 'many',
        acceptedAtMs: startMs + from + index,
        finishedAtMs: startMs + from + index + 400,
        attempts: 1,
        costPicoUsd: '1000000',
        timeline: [],
        chargeUnits: 1,
      },
    }));
    await ledger.insert(messages);
  }
}
