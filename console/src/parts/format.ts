// Formats numbers, times and names for display.
import { serverNow } from './clock.ts';

const PLAIN = new Intl.NumberFormat('en-US', { maximumFractionDigits: 1 });
const CENTS = new Intl.NumberFormat('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const PARTS_OF_CENTS = new Intl.NumberFormat('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 4 });
const COMPACT = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 });

export function count(value: number): string {
  return Math.abs(value) < 10_000 ? PLAIN.format(value) : COMPACT.format(value);
}

export function exact(value: number): string {
  return PLAIN.format(value);
}

export function rate(perSecond: number): string {
  if (perSecond === 0) return '0';
  return perSecond < 10 ? perSecond.toFixed(2).replace(/\.?0+$/, '') : count(Math.round(perSecond));
}

export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1_000)} s`;
  return `${Math.floor(ms / 3_600_000)} h ${Math.round((ms % 3_600_000) / 60_000)} min`;
}

/** Small amounts keep two significant digits. */
export function usd(amount: number | string): string {
  const value = Number(amount);
  if (value === 0) return '$0';
  if (Math.abs(value) >= 0.01) return `$${(value < 1 ? PARTS_OF_CENTS : CENTS).format(value)}`;
  return `$${value.toPrecision(2).replace(/e.*/, (exponent) => exponent)}`.replace(
    /\$(\d)e-(\d+)/,
    (_, digit: string, zeros: string) => `$0.${'0'.repeat(Number(zeros) - 1)}${digit}`,
  );
}

/** Without the date if it is today. */
export function time(when: string | number): string {
  const date = new Date(typeof when === 'number' && when < 1e11 ? when * 1_000 : when);
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map(twoDigits).join(':');
  return date.toDateString() === new Date().toDateString() ? clock : `${day(date)} ${clock}`;
}

function day(date: Date): string {
  return [date.getFullYear(), twoDigits(date.getMonth() + 1), twoDigits(date.getDate())].join('-');
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}

export function ago(when: string | number): string {
  const ms = serverNow() - new Date(typeof when === 'number' && when < 1e11 ? when * 1_000 : when).getTime();
  return ms < 0 ? `in ${duration(-ms)}` : `${duration(ms)} ago`;
}

export function words(name: string): string {
  return name.replaceAll('_', ' ');
}

/** Whether an attempt has failed. One that was ended because a parallel one began first has not. */
export function isFailed(outcome: string | undefined): boolean {
  return outcome !== 'ok' && outcome !== 'hedge_lost';
}
