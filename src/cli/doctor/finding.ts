// A finding of `sluice doctor`: one thing that should be changed, and how.

/** `error`: something is lost, refused or exposed, or will be. `warning`: it should be changed. `note`: good to know. */
export type Severity = 'error' | 'warning' | 'note';

export interface Finding {
  severity: Severity;
  area:
    | 'redis'
    | 'database'
    | 'clock'
    | 'files'
    | 'network'
    | 'providers'
    | 'keys'
    | 'work'
    | 'machine'
    | 'configuration';
  finding: string;
  remedy: string;
}

export const SEVERITIES: readonly Severity[] = ['error', 'warning', 'note'];

/** 0: nothing but notes; 1: warnings; 2: errors. */
export function exitCodeOf(findings: readonly Finding[]): number {
  if (findings.some(({ severity }) => severity === 'error')) return 2;
  return findings.some(({ severity }) => severity === 'warning') ? 1 : 0;
}

const CLOCK_WARNING_MS = 1_000;
const CLOCK_ERROR_MS = 10_000;

/** Processes on several machines compare times: deadlines, expiring tokens and days of the ledger depend on them. */
export function clockFindings(whose: string, skewMs: number): Finding[] {
  const off = Math.abs(skewMs);
  if (off < CLOCK_WARNING_MS) return [];
  return [
    {
      severity: off < CLOCK_ERROR_MS ? 'warning' : 'error',
      area: 'clock',
      finding: `the clock of ${whose} is ${(off / 1_000).toFixed(1)} s ${skewMs > 0 ? 'ahead of' : 'behind'} this machine's`,
      remedy: 'synchronise the clocks of all machines with NTP (chrony, systemd-timesyncd)',
    },
  ];
}

/** How far a clock is ahead, ms, assuming that it is read in the middle of the round trip. */
export async function measureSkew(read: () => Promise<number>): Promise<number> {
  const beforeMs = Date.now();
  const theirsMs = await read();
  return theirsMs - (beforeMs + Date.now()) / 2;
}
