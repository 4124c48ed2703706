// Every command explains itself. `sluice reconcile --help` failed with "Do not know how to serialize a BigInt", because commander
// writes defaults as JSON; and commands made outside of src/cli/program.ts did not show `--config`.
import type { Command } from 'commander';
import { expect, test } from 'vitest';
import { program } from '#src/cli/program.ts';

/** `simulate` passes its arguments on. */
const commands = allOf(program).filter(([name]) => name !== 'sluice simulate');

test.each(commands)('%s', (_name, command) => {
  const help = command.helpInformation();
  expect(help).toContain('--config <file>');
  expect(help).not.toMatch(/default:\s+(false|\{\})/);
  expect(command.description()).not.toBe('');
});

test('amounts are shown as they are written', () => {
  const [, reconcile] = commands.find(([name]) => name === 'sluice reconcile')!;
  expect(reconcile.helpInformation()).toMatch(/--tolerance-usd[^-]*\(default:\s+0\.01\)/);
});

function allOf(command: Command, before = ''): [name: string, command: Command][] {
  const name = `${before} ${command.name()}`.trim();
  return [[name, command], ...command.commands.flatMap((one) => allOf(one, name))];
}
