// How `sluice batch` ends, for scripts: exit codes, the error that ends a command, Ctrl-C. docs/batch-command.md has the
// same table.
import { complain } from '../terminal.ts';

/**
 * - `done` 0: what was asked is done; of a watched batch, every line succeeded.
 * - `refused` 1: the server refused, or could not be reached.
 * - `input` 2: the input or an argument is wrong; nothing was uploaded.
 * - `incomplete` 3: the batch has ended, but lines failed, or it failed, expired or was cancelled.
 * - `interrupted` 130: Ctrl-C; the batch goes on.
 */
export const EXIT_CODES = { done: 0, refused: 1, input: 2, incomplete: 3, interrupted: 130 } as const;

export type Ending = keyof typeof EXIT_CODES;

/** Ends the command with a message for people: what is wrong, and what to do. */
export class CommandError extends Error {
  readonly ending: Ending;
  /** The same call may succeed later: nobody answered, or the server has trouble. */
  readonly isTemporary: boolean;

  constructor(ending: Ending, message: string, isTemporary = false) {
    super(message);
    this.name = 'CommandError';
    this.ending = ending;
    this.isTemporary = isTemporary;
  }
}

export interface Interrupt {
  /** What Ctrl-C would mean from now on. */
  explain(message: string): void;
}

/** Exit handlers run (temporary files go), unlike with the signal's default. One per command. */
export function onInterrupt(message: string): Interrupt {
  let current = message;
  const end = () => {
    complain(`\n${current}`);
    process.exit(EXIT_CODES.interrupted);
  };
  process.once('SIGINT', end);
  process.once('SIGTERM', end);
  return {
    explain(next) {
      current = next;
    },
  };
}
