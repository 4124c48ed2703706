// The lines of a chunk as its provider gets them: read from the input again, a hundred at a time.
import type { OpenLine } from '#src/batches/run-position.ts';
import { isFailure } from '#src/contracts/failure.ts';
import type { RunnableLine } from '../line-runner.ts';
import { nativeSpec, prepareNative } from './native-line.ts';
import { estimateCharge, type SettleInput } from './settle-lines.ts';

export interface EncodedChunk {
  /** What the provider gets, in the order of `kept`. */
  lines: Buffer[];
  kept: OpenLine[];
  /** They cannot be said there. */
  rejected: OpenLine[];
  /** There is no room for them: they can be in another chunk. */
  left: OpenLine[];
  /** Headers that some of them need. */
  headers: Record<string, string>;
  /** Ten-thousandths of a dollar that they may cost. */
  chargeUnits: number;
}

const LINES_AT_ONCE = 100;

export async function encodeChunk(
  input: SettleInput,
  places: readonly OpenLine[],
  reload: (line: OpenLine) => Promise<RunnableLine>,
): Promise<EncodedChunk> {
  const encoded: EncodedChunk = { lines: [], kept: [], rejected: [], left: [], headers: {}, chargeUnits: 0 };
  const room = openRoom(input);
  for (let from = 0; from < places.length && encoded.left.length === 0; from += LINES_AT_ONCE) {
    const group = places.slice(from, from + LINES_AT_ONCE);
    const lines = await Promise.all(group.map(reload));
    for (const [index, line] of lines.entries()) {
      const place = group[index]!;
      const ready = await encodeLine(input, line);
      if (ready === null || !room.isEverEnough(ready)) encoded.rejected.push(place);
      else if (!room.take(ready)) {
        encoded.left = places.slice(from + index);
        break;
      } else {
        encoded.lines.push(ready.bytes);
        encoded.kept.push(place);
        encoded.chargeUnits += ready.chargeUnits;
        mergeHeaders(encoded.headers, ready.headers);
      }
    }
  }
  return encoded;
}

interface EncodedLine {
  body: Buffer;
  bytes: Buffer;
  headers: Record<string, string>;
  chargeUnits: number;
}

/** A chunk was gathered by the size of its lines in the input: what is sent is larger, with files in it much larger. */
const GROWTH = 2;

function openRoom({ context, target }: SettleInput) {
  const { limits, countUnits = () => 1 } = target.protocol;
  const maxBytes = Math.min(limits.bytes, context.configuration.batches.native.chunk_bytes * GROWTH);
  let [bytes, units] = [0, 0];
  const isEnough = (line: EncodedLine, takenBytes: number, takenUnits: number) =>
    takenBytes + line.bytes.length <= maxBytes && takenUnits + countUnits(line.body) <= limits.lines;
  return {
    isEverEnough: (line: EncodedLine) => isEnough(line, 0, 0),
    take(line: EncodedLine): boolean {
      if (!isEnough(line, bytes, units)) return false;
      bytes += line.bytes.length;
      units += countUnits(line.body);
      return true;
    },
  };
}

async function encodeLine(input: SettleInput, line: RunnableLine): Promise<EncodedLine | null> {
  const { context, origin, target, chunk } = input;
  const spec = nativeSpec(context, origin, line, chunk);
  if (isFailure(spec)) return null;
  const call = await prepareNative(context, origin, target, spec, line);
  if (isFailure(call)) return null;
  const { body } = call.request;
  const bytes = target.protocol.encodeLine(spec.requestId, body);
  return { body, bytes, headers: extraHeaders(input, call.request.headers), chargeUnits: estimateCharge(input, spec) };
}

const USUAL = new Set(['content-type', 'accept', 'authorization']);

/** Those that come neither from the protocol nor from the provider: betas. */
function extraHeaders({ target }: SettleInput, headers: Record<string, string>): Record<string, string> {
  const { upstream } = target.route;
  const { dialect } = target.deployment.provider;
  const own = new Set([...USUAL, ...Object.keys(upstream.headers), ...Object.keys(upstream.credentialHeaders(''))]);
  if (dialect.credentialHeader !== null) own.add(dialect.credentialHeader);
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !own.has(name)));
}

/** Lists of betas are joined. */
function mergeHeaders(all: Record<string, string>, more: Record<string, string>): void {
  for (const [name, value] of Object.entries(more)) {
    const values = new Set([...(all[name]?.split(',') ?? []), ...value.split(',')].map((part) => part.trim()));
    all[name] = [...values].join(',');
  }
}
