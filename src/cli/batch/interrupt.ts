// Ctrl-C: says what becomes of the work, cleans up, and ends with the exit code that stands for it.
import { complain } from '../terminal.ts';
import { EXIT_CODES } from './exit-codes.ts';

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
