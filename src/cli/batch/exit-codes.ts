// How `sluice batch` ends, for scripts: exit codes, the error that ends a command, Ctrl-C. docs/batch-command.md has the
// same table.
import { complain } from '../terminal.ts';

/**
 * - `done` 0: success; if a batch was watched or downloaded, every line succeeded.
 * - `refused` 1: the server refused the request or could not be reached.
 * - `input` 2: the input or an argument is invalid; nothing was uploaded.
 * - `incomplete` 3: the batch ended with failed lines, or it failed, expired or was cancelled.
 * - `interrupted` 130: Ctrl-C; the batch keeps running.
 */
export const EXIT_CODES = { done: 0, refused: 1, input: 2, incomplete: 3, interrupted: 130 } as const;

export type Ending = keyof typeof EXIT_CODES;

/** Ends the command with a message that names the problem and the remedy. */
export class CommandError extends Error {
  readonly ending: Ending;
  /** The same call may succeed later: there was no answer, or the server has a problem. */
  readonly isTemporary: boolean;

  constructor(ending: Ending, message: string, isTemporary = false) {
    super(message);
    this.name = 'CommandError';
    this.ending = ending;
    this.isTemporary = isTemporary;
  }
}

export interface Interrupt {
  /** Sets the message that Ctrl-C prints from now on. */
  explain(message: string): void;
}

/** Unlike the signals' default, this runs exit handlers, which remove temporary files. One per command. */
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
