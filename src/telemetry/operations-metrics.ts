// What operators do and see beside the traffic: holds, dead letters, how far the books are behind.
import { Counter, Gauge, type Registry } from 'prom-client';

export interface OperationsMetrics {
  /** Names of all that is held. */
  held(names: readonly string[]): void;
  deadLetter(code: string): void;
  /** A message that SQL refused. */
  rejected(part: string): void;
  ledger(state: { waiting: number; oldestMs: number; rejects: number | null }): void;
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
  const rejected = new Counter({
    name: 'sluice_ledger_rejected_total',
    help: 'Ledger messages that SQL refused, by what of them: ledger, dead_letter, response.',
    labelNames: ['part'],
    registers,
  });
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers });
  const waiting = gauge('sluice_ledger_waiting', 'Ledger messages in Redis that are not written yet.');
  const oldest = gauge('sluice_ledger_oldest_seconds', 'Age of the oldest ledger message that is not written yet.');
  const rejects = gauge('sluice_ledger_rejects', 'Ledger messages that SQL refused and nobody has dealt with.');
  return {
    rejected: (part) => rejected.inc({ part }),
    ledger(state) {
      waiting.set(state.waiting);
      oldest.set(state.oldestMs / 1_000);
      if (state.rejects !== null) rejects.set(state.rejects);
    },
    held(names) {
      holds.reset();
      for (const name of names) holds.set({ name }, 1);
    },
    deadLetter: (code) => letters.inc({ code }),
  };
}
