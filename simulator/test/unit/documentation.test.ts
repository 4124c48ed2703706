// docs/simulator.md is complete and correct: its tables have exactly what the code has.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { CONTROL_ACTIONS } from '../../src/control/answer-control.ts';
import { BATCH_FAULTS } from '../../src/engine/batches/batch-fault.ts';
import { FAULT_NAMES, rowOf } from '../../src/engine/faults/fault-table.ts';
import { COMMAND_NAMES } from '../../src/engine/faults/prompt-commands.ts';
import { simulatorOptionsSchema } from '../../src/options.ts';

const page = readFileSync(new URL('../../../docs/simulator.md', import.meta.url), 'utf8');

/** Cells of the table that begins with this heading. */
function tableUnder(heading: string): string[][] {
  const lines = page.slice(page.indexOf(`| ${heading} |`)).split('\n');
  const end = lines.findIndex((line) => !line.startsWith('|'));
  return lines.slice(2, end).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('`', '')),
  );
}

const sorted = (names: readonly string[]) => [...new Set(names)].sort();

describe('docs/simulator.md', () => {
  test('has every fault, with its summary', () => {
    const rows = tableUnder('fault').map(([name, summary]) => [name, summary]);
    expect(rows).toEqual(FAULT_NAMES.map((name) => [name, rowOf(name).summary]));
  });

  test('has every fault of a batch, with its summary', () => {
    expect(tableUnder('batch fault')).toEqual(Object.entries(BATCH_FAULTS));
  });

  test('has every command', () => {
    const names = tableUnder('command').map(([example]) => example!.split('=')[0]!);
    expect(sorted(names)).toEqual(sorted(COMMAND_NAMES));
  });

  test('has every control request', () => {
    expect(tableUnder('request').map(([request]) => request)).toEqual(CONTROL_ACTIONS);
  });

  test('has every option', () => {
    const names = tableUnder('flag').map(([, option]) => option!.split('.')[0]!);
    expect(sorted(names)).toEqual(sorted(Object.keys(simulatorOptionsSchema.shape)));
  });
});
