// Measures the cost of the console, and browsing a million requests: `npm run console-figures` fills a ledger, pages through it
// by the API and in Chromium, then opens the live page for ten viewers, and prints the figures for docs/console.md. Needs
// Chromium and a Redis server. `--rows N`, `--postgres`, `--only search|table|viewers`.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { sql } from 'kysely';
import type { Page } from 'playwright-core';
import type { Database } from '#src/storage/database.ts';
import { ADMIN_KEY, startBroker, type TestBroker } from '../test/support/broker.ts';
import { ask } from '../test/support/client.ts';
import { openPage, prepareConsole, signIn, startBrowser, traceTasks } from '../test/support/console.ts';
import { startTestPostgres } from '../test/support/postgres-server.ts';
import { providerConfiguration, startProviders } from '../test/support/providers.ts';

const { values: options } = parseArgs({
  options: {
    rows: { type: 'string', default: '1000000' },
    postgres: { type: 'boolean', default: false },
    only: { type: 'string' },
    seconds: { type: 'string', default: '20' },
  },
});
const ROWS = Number(options.rows);
const AUTHORIZED = { authorization: `Bearer ${ADMIN_KEY}` };
const SECONDS = Number(options.seconds);
const isWanted = (part: 'search' | 'table' | 'viewers') => options.only === undefined || options.only === part;
const say = (text: string) => process.stdout.write(`${text}\n`);
/** Makes the page count long tasks (over 50 ms) and events with a long delay until they are displayed. */
const OBSERVE = `(() => {
  const seen = { tasks: [], events: [], frames: [] };
  window.__seen = seen;
  new PerformanceObserver((list) => seen.tasks.push(...list.getEntries().map((entry) => entry.duration)))
    .observe({ type: 'longtask', buffered: false });
  new PerformanceObserver((list) => seen.events.push(...list.getEntries().map((entry) => entry.duration)))
    .observe({ type: 'event', durationThreshold: 16, buffered: false });
  let before = performance.now();
  const frame = (now) => { seen.frames.push(now - before); before = now; requestAnimationFrame(frame); };
  requestAnimationFrame(frame);
})()`;

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

prepareConsole();
const postgres = options.postgres ? await startTestPostgres() : null;
const providers = await startProviders({ paceMs: 5, tokens: 20 });
const broker = await startBroker({
  configuration: providerConfiguration(providers),
  ...(postgres === null ? {} : { databaseUrl: postgres.url }),
});
const browser = await startBrowser();
try {
  if (options.only !== 'viewers') await fill(broker.database);
  if (isWanted('search')) await measureSearch();
  if (isWanted('table')) await measureTable();
  if (isWanted('viewers')) await measureViewers();
} finally {
  await browser.close();
  await broker.stop();
  await providers.close();
  await postgres?.stop();
}

/** Creates requests of the past days, a few per second, some with tags, failures and retries. */
async function fill(database: Database): Promise<void> {
  const startedAt = performance.now();
  const end = Date.now() - 3_600_000;
  const numbers = sql`with recursive n(i) as (select 1 union all select i + 1 from n where i < ${ROWS})`;
  const id = sql`'req_0' || '0000000000000' || substr(cast(10000000 + i as text), 2) || '0000'`;
  const at = sql`cast(${end} as bigint) - cast(i as bigint) * 250`;
  const outcome = sql`case when i % 37 = 0 then 'upstream_timeout' else 'ok' end`;
  const names = sql`'key_figures', case when i % 3 = 0 then 'claude-sonnet' else 'gpt-4o' end`;
  const tags = sql`case when i % 5000 = 0 then ',rare,' else ',team:search,' end`;
  await sql`insert into requests (request_id, day, key_id, model, protocol, lane, is_stream, outcome, provider, upstream_model,
    accepted_at, finished_at, attempts, cost_pico_usd, charge_units, tags, timeline) ${numbers}
    select ${id}, '2026-01-01', ${names}, 'openai-chat', 'interactive', 1, ${outcome}, 'primary', 'gpt-4o',
    ${at}, ${at} + 900 + i % 4000, 1 + i % 2, 1000000, 1, ${tags},
    '[{"kind":"queue","untilMs":1},{"kind":"attempt","untilMs":2,"provider":"primary","attempt":1,"outcome":"ok"}]'
    from n`.execute(database);
  await sql`insert into ledger_entries (request_id, attempt, day, key_id, model, provider, deployment, upstream_model, protocol,
    lane, is_stream, state, outcome, started_at, queue_ms, first_byte_ms, duration_ms, input_tokens, cached_input_tokens,
    cache_write_tokens, output_tokens, reasoning_tokens, cost_pico_usd) ${numbers}
    select ${id}, 1, '2026-01-01', ${names}, 'primary', 'primary/gpt-4o', 'gpt-4o', 'openai-chat', 'interactive', 1, 'settled',
    ${outcome}, ${at}, 3, 250, 900, 1000, 100, 0, 200, 0, 1000000 from n`.execute(database);
  // As autovacuum does within a minute: without statistics PostgreSQL reads whole tables.
  if (options.postgres) await sql`analyze`.execute(database);
  say(`${ROWS} requests and as many attempts written in ${((performance.now() - startedAt) / 1_000).toFixed(1)} s`);
}

async function measureSearch(): Promise<void> {
  const read = async (query: string) => {
    const startedAt = performance.now();
    const answer = await fetch(`${broker.url}/admin/requests?limit=500${query}`, { headers: AUTHORIZED });
    const page = (await answer.json()) as { data: { id: string }[]; next: string | null };
    return { page, ms: performance.now() - startedAt };
  };
  const along = async (query: string, pages: number, from?: string) => {
    let after = from;
    const times: number[] = [];
    let found = 0;
    for (let number = 0; number < pages; number++) {
      const { page, ms } = await read(query + (after === undefined ? '' : `&after=${after}`));
      times.push(ms);
      found += page.data.length;
      if (page.next === null) break;
      after = page.next;
    }
    return { times, found };
  };
  const deep = `${Date.now() - 3_600_000 - Math.floor(ROWS * 0.9) * 250}.req_00000000000000000000000000`;
  for (const [name, query, from] of [
    ['newest first', '', undefined],
    ['nine tenths of the way back', '', deep],
    ['failed ones', '&outcome=failed', undefined],
    ['a model by a part of its name', '&model=*sonnet', undefined],
    ['a tag of one in 5000', '&tag=rare', undefined],
    ['a key', '&key=key_figures', undefined],
    ['a provider that has none', '&provider=nobody', undefined],
    ['retried ones', '&retried=true', undefined],
    ['three seconds or longer', '&min_ms=3000', undefined],
    ['a cost that none reaches', '&min_cost_usd=5', undefined],
    ['a lane that none used', '&lane=batch', undefined],
    [
      'before a time, deep',
      `&to=${new Date(Date.now() - 3_600_000 - Math.floor(ROWS * 0.5) * 250).toISOString()}`,
      undefined,
    ],
  ] as const) {
    const { times, found } = await along(query, 40, from);
    say(`search, ${name}: ${figures(times)} a page of 500 (${found} found in ${times.length} pages)`);
  }
}

function figures(times: readonly number[]): string {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (part: number) => (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0).toFixed(1);
  return `p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, longest ${at(1)} ms`;
}

interface Observed {
  tasks: number[];
  events: number[];
  frames: number[];
}

async function observed(page: Page, name: string): Promise<void> {
  const { tasks, events, frames } = (await page.evaluate(
    '(() => { const seen = window.__seen; const copy = JSON.parse(JSON.stringify(seen)); seen.tasks.length = seen.events.length = seen.frames.length = 0; return copy; })()',
  )) as Observed;
  const state = (await page.evaluate(`({
    heap: performance.memory?.usedJSHeapSize ?? 0,
    rows: Number(document.querySelector('.rows .inner')?.getAttribute('aria-rowcount') ?? 0) - 1,
    lines: document.querySelectorAll('.rows .line').length,
    height: document.querySelector('.rows')?.scrollHeight ?? 0,
  })`)) as { heap: number; rows: number; lines: number; height: number };
  const most = (values: readonly number[]) => Math.max(0, ...values).toFixed(0);
  say(
    `table, ${name}: ${tasks.length} tasks over 50 ms (longest ${most(tasks)}), slowest event ${most(events)} ms, frames ${figures(frames)}; ` +
      `${state.rows} rows known, ${state.lines} in the page, ${state.height} px high, heap ${(state.heap / 1e6).toFixed(0)} MB`,
  );
}

async function traced(name: string, run: () => Promise<unknown>): Promise<void> {
  const { count, longByClock, longByCpu, longestCpuMs } = await traceTasks(browser, run);
  say(
    `table, ${name}: of ${count} tasks ${longByClock} over 50 ms by the clock, ${longByCpu} by CPU time; the longest used ${longestCpuMs.toFixed(1)} ms`,
  );
}

async function measureTable(): Promise<void> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const { page, complaints } = await openPage(context);
  await signIn(page, broker.url);
  await page.goto(`${broker.url}/console/requests`);
  await page.locator('.rows .line').first().waitFor();
  await page.evaluate(OBSERVE);
  await page.mouse.move(600, 600);
  await traced('by the wheel', async () => {
    for (let turn = 0; turn < 150; turn++) await page.mouse.wheel(0, 900);
  });
  await observed(page, 'by the wheel');
  await page.locator('.rows').focus();
  await traced('by Page Down', async () => {
    for (let turn = 0; turn < 100; turn++) await page.keyboard.press('PageDown');
  });
  await observed(page, 'by Page Down');
  const startedAt = performance.now();
  await page.evaluate(`(async () => {
    const table = document.querySelector('.rows');
    const rows = () => Number(table.querySelector('.inner').getAttribute('aria-rowcount')) - 1;
    const until = performance.now() + 600000;
    while (rows() < ${ROWS} && performance.now() < until) {
      table.scrollTop = table.scrollHeight;
      await new Promise(requestAnimationFrame);
    }
  })()`);
  await observed(page, `scrolled to the end in ${((performance.now() - startedAt) / 1_000).toFixed(0)} s`);
  await page.evaluate(`document.querySelector('.rows').scrollTop = document.querySelector('.rows').scrollHeight / 2`);
  // A loaded row contains a link.
  await page.locator('.rows .line').first().locator('a[data-row]').waitFor();
  await observed(page, 'to the middle, whose pages were dropped');
  await traced('by the wheel, in the middle', async () => {
    for (let turn = 0; turn < 150; turn++) await page.mouse.wheel(0, -900);
  });
  await observed(page, 'by the wheel, in the middle');
  await page.keyboard.press('Home');
  await page.locator('.rows .line a[data-row="0"]').waitFor();
  await page.keyboard.press('End');
  await page
    .locator(`.rows .line a[data-row="${ROWS - 1}"]`)
    .waitFor({ timeout: 20_000 })
    .catch(() => say('the last row was not reached'));
  await observed(page, 'Home and End');
  if (complaints.length > 0) say(`complaints: ${complaints.join('; ')}`);
  await context.close();
}

// Measures the cost of ten viewers for the API process and Redis, without traffic and with twenty requests per second.

async function measureViewers(): Promise<void> {
  for (const perSecond of [0, 20]) {
    const traffic = startTraffic(perSecond);
    await sleep(5_000);
    const alone = await cpuOf(broker, SECONDS);
    const stop = await connect(10);
    await sleep(5_000);
    const watched = await cpuOf(broker, SECONDS);
    await stop();
    const tabs = await openTabs(10);
    await sleep(8_000);
    const open = await cpuOf(broker, SECONDS);
    await tabs.close();
    await traffic.stop();
    await sleep(17_000);
    const left = perSecond === 0 ? await cpuOf(broker, SECONDS) : null;
    say(`${perSecond} requests/s, no viewers: ${alone.text}`);
    say(`${perSecond} requests/s, ten connections: ${watched.text}: they take ${difference(watched, alone)} of a core`);
    say(`${perSecond} requests/s, ten pages in Chromium: ${open.text}: they take ${difference(open, alone)} of a core`);
    if (left !== null) say(`${perSecond} requests/s, after they have left: ${left.text}`);
  }
}

function difference(one: Cpu, other: Cpu): string {
  return `${(one.api + one.redis - other.api - other.redis).toFixed(2)} %`;
}

interface Cpu {
  api: number;
  redis: number;
  text: string;
}

async function cpuOf({ apis, redis }: TestBroker, seconds: number): Promise<Cpu> {
  const read = async () => {
    const info = await redis.client.info('cpu');
    const of = (name: string) => Number(new RegExp(`${name}:([\\d.]+)`).exec(info)?.[1] ?? 0);
    return { api: processorSeconds(apis[0]!.child.pid!), redis: of('used_cpu_sys') + of('used_cpu_user') };
  };
  const [before, startedAt] = [await read(), performance.now()];
  await sleep(seconds * 1_000);
  const [after, passed] = [await read(), (performance.now() - startedAt) / 1_000];
  const api = ((after.api - before.api) / passed) * 100;
  const ofRedis = ((after.redis - before.redis) / passed) * 100;
  return { api, redis: ofRedis, text: `API ${api.toFixed(2)} %, Redis ${ofRedis.toFixed(2)} %` };
}

/** The kernel counts CPU time in hundredths of a second. */
function processorSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function startTraffic(perSecond: number): { stop(): Promise<void> } {
  const running = new Set<Promise<unknown>>();
  const timer =
    perSecond === 0
      ? undefined
      : setInterval(() => {
          const one = ask(broker.url, { prompt: 'Hello', model: 'solo', stream: true }).catch(() => undefined);
          running.add(one);
          void one.finally(() => running.delete(one));
        }, 1_000 / perSecond);
  return {
    async stop() {
      clearInterval(timer);
      await Promise.all(running);
    },
  };
}

async function connect(count: number): Promise<() => Promise<void>> {
  const leaving = new AbortController();
  const connections = Array.from({ length: count }, async () => {
    const answer = await fetch(`${broker.url}/admin/live`, { headers: AUTHORIZED, signal: leaving.signal });
    for await (const _ of answer.body!);
  });
  return async () => {
    leaving.abort();
    await Promise.allSettled(connections);
  };
}

/** Tabs of separate viewers: one browser opens at most six connections to a host. */
async function openTabs(count: number): Promise<{ close(): Promise<unknown> }> {
  const contexts = await Promise.all(Array.from({ length: count }, () => browser.newContext()));
  for (const context of contexts) {
    const { page } = await openPage(context);
    page.setDefaultTimeout(60_000);
    await signIn(page, broker.url);
    await page.getByText('Requests per second').waitFor();
  }
  return { close: () => Promise.all(contexts.map((context) => context.close())) };
}
