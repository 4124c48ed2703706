// Measures the cost of a batch and its effect on other traffic, against a cheap provider. Everything runs on this machine; on a
// shared machine, ratios are more meaningful than absolute figures.
//
//   npm run bench:batch -- [rate]      --lines 100000 [--vendor simulator|nginx] [--open-lines 2000]
//   npm run bench:batch -- neighbours  --lines 30000 [--seconds 40] [--provider-ms 400]
//   npm run bench:batch -- limits      [--minutes 1]
//   npm run bench:batch -- million     --lines 1000000 [--seconds 60]
//   npm run bench:batch -- pump        --lines 1000000
import { parseArgs } from 'node:util';
import { measureLimits } from './batch/limits.ts';
import { measureMillion } from './batch/million.ts';
import { measureNeighbours } from './batch/neighbours.ts';
import { measurePump } from './batch/pump.ts';
import { measureRate } from './batch/rate.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    lines: { type: 'string' },
    vendor: { type: 'string', default: 'simulator' },
    'batch-slots': { type: 'string' },
    'open-lines': { type: 'string', default: '2000' },
    seconds: { type: 'string' },
    'provider-ms': { type: 'string', default: '400' },
    minutes: { type: 'string', default: '1' },
  },
});
const lines = (otherwise: number) => Number(values.lines ?? otherwise);
const seconds = (otherwise: number) => Number(values.seconds ?? otherwise);

const batchSlots = values['batch-slots'] === undefined ? undefined : Number(values['batch-slots']);

const MEASUREMENTS: Record<string, () => Promise<void>> = {
  rate: () => {
    const vendor = values.vendor === 'nginx' ? 'nginx' : 'simulator';
    return measureRate({ lines: lines(100_000), vendor, openLines: Number(values['open-lines']), batchSlots });
  },
  neighbours: () =>
    measureNeighbours({
      lines: lines(30_000),
      seconds: seconds(40),
      providerMs: Number(values['provider-ms']),
      batchSlots,
    }),
  limits: () => measureLimits(Number(values.minutes)),
  million: () => measureMillion({ lines: lines(1_000_000), seconds: seconds(60) }),
  pump: () => measurePump(lines(1_000_000)),
};

const wanted = positionals[0] ?? 'rate';
const measure = MEASUREMENTS[wanted];
if (measure === undefined) {
  console.error(`no such measurement: ${wanted}; there are ${Object.keys(MEASUREMENTS).join(', ')}`);
  process.exitCode = 2;
} else await measure();
