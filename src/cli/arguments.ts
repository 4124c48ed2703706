// Arguments that several commands share.
import { type Command, InvalidArgumentError } from 'commander';

export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value <= 0) throw new InvalidArgumentError('must be a whole number above 0.');
  return value;
}

/** A day that exists, YYYY-MM-DD: another text would select nothing, without a word. */
export function day(text: string): string {
  const isDay = /^\d{4}-\d{2}-\d{2}$/.test(text) && new Date(`${text}T00:00:00Z`).getTime() > 0;
  if (!isDay || new Date(text).toISOString().slice(0, 10) !== text)
    throw new InvalidArgumentError('must be a day, YYYY-MM-DD.');
  return text;
}

const MOST_PROCESSES = 64;

export function processCount(text: string): number {
  const value = wholeNumber(text);
  if (value > MOST_PROCESSES) throw new InvalidArgumentError(`must be at most ${MOST_PROCESSES}.`);
  return value;
}

/** Collects the values of an option that may be given several times. */
export function list(value: string, before: string[] | undefined): string[] {
  return [...(before ?? []), value];
}

/** Arguments of commands that call the administration API of a running Sluice. */
export function adminArguments(command: Command): Command {
  return command
    .option('--base-url <url>', 'address of Sluice (default: SLUICE_BASE_URL, else the instance on this machine)')
    .option('--json', 'machine-readable', false);
}

/** Options that are passed on to the process that a command runs. */
export interface HealthOptions {
  healthPort?: string | number;
  healthHost?: string;
}

export function healthArguments({ healthPort, healthHost }: HealthOptions): string[] {
  return [
    ...(healthPort === undefined ? [] : ['--health-port', String(healthPort)]),
    ...(healthHost === undefined ? [] : ['--health-host', healthHost]),
  ];
}
