// Lines written to a file one by one, with the file's backpressure.

import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';

export interface LineSink {
  /** Null when there is room; otherwise wait for it before the next line. */
  write(text: string | Buffer): Promise<void> | null;
  close(): Promise<void>;
}

const BUFFER_BYTES = 1024 * 1024;

export function openLineSink(path: string): LineSink {
  const stream = createWriteStream(path, { highWaterMark: BUFFER_BYTES });
  let failure: Error | null = null;
  stream.on('error', (error) => {
    failure = error;
  });
  return {
    write(text) {
      if (failure !== null) throw failure;
      return stream.write(text) ? null : once(stream, 'drain').then(() => undefined);
    },
    async close() {
      stream.end();
      await finished(stream);
    },
  };
}

const LINE_FEED = Buffer.from('\n');

export async function appendLine(sink: LineSink, line: string | Buffer): Promise<void> {
  if (typeof line === 'string') return void (await sink.write(`${line}\n`));
  // Not awaited in between: the stream takes both in order.
  await Promise.all([sink.write(line), sink.write(LINE_FEED)]);
}
