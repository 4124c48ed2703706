// Checks runtime dependencies for known vulnerabilities (`npm audit`): fails on severities `high` and `critical`, lists the rest.
// If the configured registry does not support audits (a mirror, no network), it prints that and succeeds. Plain JavaScript
// without dependencies, so that it runs before any are installed.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const TIMEOUT_MS = 60_000;
const FAILING = new Set(['high', 'critical']);

const cwd = fileURLToPath(new URL('..', import.meta.url));
const { stdout } = spawnSync('npm', ['audit', '--omit=dev', '--json'], {
  cwd,
  encoding: 'utf8',
  timeout: TIMEOUT_MS,
  stdio: ['ignore', 'pipe', 'ignore'],
});
const report = parse(stdout ?? '');
if (report?.vulnerabilities === undefined) {
  console.log('Not audited: the configured registry does not support audits.');
  process.exit(0);
}

const found = Object.values(report.vulnerabilities);
for (const { name, severity, range, via } of found) {
  const advisories = via.map((one) => (typeof one === 'string' ? `by ${one}` : `${one.title} (${one.url})`));
  console.log(`${severity}: ${name} ${range}: ${advisories.join('; ')}`);
}
const failing = found.filter(({ severity }) => FAILING.has(severity));
console.log(
  `Audited: ${found.length} packages with known vulnerabilities, ${failing.length} of them high or critical.`,
);
process.exit(failing.length > 0 ? 1 : 0);

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
