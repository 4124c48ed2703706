// Screenshots of the Grafana dashboards: `npm run screenshots:dashboards` opens each dashboard of deploy/grafana/dashboards in a
// running Grafana (the profile `monitoring` of docker-compose.yml) and writes a screenshot of each to docs/images. Needs Debian's
// Chromium.
//
//   GRAFANA_URL=http://127.0.0.1:3000 GRAFANA_USER=admin GRAFANA_PASSWORD=… npm run screenshots:dashboards
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const DASHBOARDS = fileURLToPath(new URL('../deploy/grafana/dashboards/', import.meta.url));
const IMAGES = fileURLToPath(new URL('../docs/images/', import.meta.url));
const { GRAFANA_URL = 'http://127.0.0.1:3000', GRAFANA_USER = 'admin', GRAFANA_PASSWORD = 'admin' } = process.env;
/** Grafana does not signal that all panels are drawn: wait until there are no more requests to its server. */
const SETTLED = { waitUntil: 'networkidle', timeout: 60_000 } as const;

const answer = await fetch(new URL('/api/health', GRAFANA_URL)).catch(() => null);
if (answer?.ok !== true) {
  console.error(`No Grafana answers at ${GRAFANA_URL}. Start it with: docker compose --profile monitoring up -d`);
  process.exit(1);
}
mkdirSync(IMAGES, { recursive: true });
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
try {
  const page = await browser.newPage({
    viewport: { width: 1_400, height: 900 },
    httpCredentials: { username: GRAFANA_USER, password: GRAFANA_PASSWORD, send: 'always' },
  });
  for (const file of readdirSync(DASHBOARDS).sort()) {
    const { uid } = JSON.parse(readFileSync(join(DASHBOARDS, file), 'utf8')) as { uid: string };
    await page.goto(new URL(`/d/${uid}?kiosk&from=now-1h&to=now`, GRAFANA_URL).href, SETTLED);
    const path = join(IMAGES, `dashboard-${file.replace(/\.json$/, '')}.png`);
    await page.screenshot({ path, fullPage: true });
    console.log(path);
  }
} finally {
  await browser.close();
}
