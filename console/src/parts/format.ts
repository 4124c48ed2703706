// Formats numbers, times and names for display.
import { serverNow } from './clock.ts';

const PLAIN = new Intl.NumberFormat('en-US', { maximumFractionDigits: 1 });
const CENTS = new Intl.NumberFormat('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const PARTS_OF_CENTS = new Intl.NumberFormat('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 4 });
const TWO_DIGITS = new Intl.NumberFormat('en-US', { minimumSignificantDigits: 2, maximumSignificantDigits: 2 });
const COMPACT = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 });

export function count(value: number): string {
  return Math.abs(value) < 10_000 ? PLAIN.format(value) : COMPACT.format(value);
}

export function exact(value: number): string {
  return PLAIN.format(value);
}

export function rate(perSecond: number): string {
  if (perSecond === 0) return '0';
  if (perSecond < 0.005) return '<0.01';
  return perSecond < 10 ? perSecond.toFixed(2).replace(/\.?0+$/, '') : count(Math.round(perSecond));
}

export function duration(ms: number): string {
  // By what is shown: 59.96 s are a minute, not 60.0 s.
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1_000).toFixed(ms < 9_995 ? 2 : 1)} s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  const minutes = Math.round(ms / 60_000);
  if (minutes < 2 * 24 * 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  const hours = Math.round(ms / 3_600_000);
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** Small amounts keep two significant digits. */
export function usd(amount: number | string): string {
  const value = Number(amount);
  const size = Math.abs(value);
  const format = size === 0 || size >= 1 ? CENTS : size >= 0.01 ? PARTS_OF_CENTS : TWO_DIGITS;
  return `${value < 0 ? '-' : ''}$${size === 0 ? '0' : format.format(size)}`;
}

/** For narrow columns: without the digits of less than a millionth. */
export function briefUsd(amount: number | string): string {
  const value = Number(amount);
  return value > 0 && value < 1e-6 ? '<$0.000001' : usd(value);
}

/** Of a part from 0 to 1. Only none is shown as 0, and only all as 100. */
export function percent(part: number): string {
  if (part > 0 && part < 0.0005) return '<0.1 %';
  if (part < 1 && part >= 0.9995) return '>99.9 %';
  return `${PLAIN.format(part * 100)} %`;
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
