// Progress of long operations: a bar on a terminal, an occasional line of text elsewhere (a log, a pipe). Always on stderr, so
// that stdout has results only.
import { SingleBar } from 'cli-progress';
import { complain } from '../terminal.ts';

export interface Progress {
  /** `note` is shown after the bar. */
  update(done: number, total: number, note: string): void;
  /** Prints a separate message above the bar. */
  say(line: string): void;
  /** Leaves the last state on the screen. May be called twice. */
  end(): void;
}

/** Often enough to show progress, rarely enough for a log. */
const LINE_EVERY_MS = 10_000;
const BAR_CHARS = 30;
const FRAMES_PER_SECOND = 10;

export function startProgress(title: string): Progress {
  return process.stderr.isTTY === true ? startBar(title) : startLines(title);
}

function startBar(title: string): Progress {
  const bar = new SingleBar({
    format: `${title} {bar} {percentage}% {note}`,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: BAR_CHARS,
    fps: FRAMES_PER_SECOND,
    hideCursor: true,
    stream: process.stderr,
    // A wrapped bar would be printed again on every update.
    linewrap: false,
  });
  let last = { done: 0, total: 1, note: '' };
  let isRunning = false;
  const begin = () => {
    if (!isRunning) bar.start(last.total, last.done, { note: last.note });
    isRunning = true;
  };
  const end = () => {
    if (isRunning) bar.stop();
    isRunning = false;
  };
  return {
    update(done, total, note) {
      last = { done, total: Math.max(1, total), note };
      begin();
      bar.setTotal(last.total);
      bar.update(done, { note });
    },
    say(line) {
      end();
      complain(line);
    },
    end,
  };
}

function startLines(title: string): Progress {
  let writtenAtMs = 0;
  let pending: string | null = null;
  const write = (line: string) => {
    complain(line);
    writtenAtMs = Date.now();
    pending = null;
  };
  return {
    update(done, total, note) {
      const percent = total === 0 ? 0 : Math.floor((100 * done) / total);
      pending = `${title} ${percent}% ${note}`;
      if (Date.now() - writtenAtMs >= LINE_EVERY_MS) write(pending);
    },
    say: (line) => write(line),
    end() {
      if (pending !== null) write(pending);
    },
  };
}
