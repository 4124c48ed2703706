// The lines of a chunk as its vendor gets them: read from the input again, a hundred at a time.
import type { OpenLine } from '#src/batches/run-position.ts';
import { isFailure } from '#src/contracts/failure.ts';
import type { RunnableLine } from '../line-runner.ts';
import { nativeSpec, prepareNative } from './native-line.ts';
import { estimateCharge, type SettleInput } from './settle-lines.ts';

export interface EncodedChunk {
  /** What the vendor gets, in the order of `kept`. */
  lines: Buffer[];
  kept: OpenLine[];
  /** They cannot be said there, or there is no room for them. */
  rejected: OpenLine[];
  /** Headers that some of them need. */
  headers: Record<string, string>;
  /** Ten-thousandths of a dollar that they may cost. */
  chargeUnits: number;
}

const LINES_AT_ONCE = 100;

export async function encodeChunk(
  input: SettleInput,
  places: readonly OpenLine[],
  maxBytes: number,
  reload: (line: OpenLine) => Promise<RunnableLine>,
): Promise<EncodedChunk> {
  const encoded: EncodedChunk = { lines: [], kept: [], rejected: [], headers: {}, chargeUnits: 0 };
  let [bytes, units] = [0, 0];
  const { limits, countUnits = () => 1 } = input.target.protocol;
  for (let from = 0; from < places.length; from += LINES_AT_ONCE) {
    const lines = await Promise.all(places.slice(from, from + LINES_AT_ONCE).map(reload));
    for (const line of lines) {
      const { number, offset, length } = line;
      const ready = await encodeLine(input, line);
      const [nextBytes, nextUnits] =
        ready === null ? [0, 0] : [bytes + ready.bytes.length, units + countUnits(ready.body)];
      if (ready === null || nextBytes > Math.min(maxBytes, limits.bytes) || nextUnits > limits.lines) {
        encoded.rejected.push({ number, offset, length });
        continue;
      }
      [bytes, units] = [nextBytes, nextUnits];
      encoded.lines.push(ready.bytes);
      encoded.kept.push({ number, offset, length });
      encoded.chargeUnits += ready.chargeUnits;
      mergeHeaders(encoded.headers, ready.headers);
    }
  }
  return encoded;
}

async function encodeLine(input: SettleInput, line: RunnableLine) {
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
  const { vendor } = target.route;
  const { dialect } = target.deployment.provider;
  const own = new Set([...USUAL, ...Object.keys(vendor.headers), ...Object.keys(vendor.credentialHeaders(''))]);
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
