// Results of a provider's batch, one after the other as they come down: the file is never whole in memory where its
// provider writes lines.
import type { Readable } from 'node:stream';
import type { BatchProtocol, ProviderBatch, ProviderLine } from '#src/protocols/batch-protocol.ts';
import { collect, type ProviderAccess, type ProviderClient } from './provider-client.ts';

/** A provider without result lines has all of a chunk's answers in one text (Gemini; its chunks are small for that). */
const MAX_WHOLE_BYTES = 256 * 1024 * 1024;
const NEWLINE = 0x0a;

/** @param maxLineBytes a longer line is left out: its answer is larger than the broker takes. */
export async function* fetchResults(
  client: ProviderClient,
  access: ProviderAccess,
  protocol: BatchProtocol,
  batch: ProviderBatch,
  maxLineBytes: number,
): AsyncGenerator<ProviderLine> {
  for (const call of protocol.results(batch)) {
    const stream = await client.open(access, call);
    if (protocol.resultFormat === 'whole') yield* protocol.readResults(await collect(stream, MAX_WHOLE_BYTES));
    else for await (const line of splitLines(stream, maxLineBytes)) yield* protocol.readResults(line);
  }
}

export async function* splitLines(stream: Readable, maxLineBytes: number): AsyncGenerator<Buffer> {
  let held: Buffer[] = [];
  let heldBytes = 0;
  const take = (end: Buffer): Buffer | null => {
    const line = held.length === 0 ? end : Buffer.concat([...held, end]);
    const isTooLong = heldBytes + end.length > maxLineBytes;
    held = [];
    heldBytes = 0;
    return isTooLong || line.length === 0 ? null : line;
  };
  for await (const piece of stream as AsyncIterable<Buffer>) {
    let from = 0;
    for (let end = piece.indexOf(NEWLINE); end >= 0; end = piece.indexOf(NEWLINE, from)) {
      const line = take(piece.subarray(from, end));
      if (line !== null) yield line;
      from = end + 1;
    }
    heldBytes += piece.length - from;
    if (heldBytes <= maxLineBytes) held.push(piece.subarray(from));
    else held = [];
  }
  const last = take(Buffer.alloc(0));
  if (last !== null) yield last;
}
