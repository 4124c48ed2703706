// What operators do and see beside the traffic: holds, who waits, dead letters.
import { Counter, Gauge, type Registry } from 'prom-client';

export interface OperationsMetrics {
  /** Names of all that is held. */
  held(names: readonly string[]): void;
  deadLetter(code: string): void;
}

export function createOperationsMetrics(registry: Registry): OperationsMetrics {
  const registers = [registry];
  const holds = new Gauge({
    name: 'sluice_held',
    help: 'Providers and deployments that an operator holds: 1 each.',
    labelNames: ['name'],
    registers,
  });
  const letters = new Counter({
    name: 'sluice_dead_letters_total',
    help: 'Requests that failed for good and were kept, by failure code.',
    labelNames: ['code'],
    registers,
  });
  return {
    held(names) {
      holds.reset();
      for (const name of names) holds.set({ name }, 1);
    },
    deadLetter: (code) => letters.inc({ code }),
  };
}
