// What can go wrong with a batch as a whole. Written as `name` or `name@lines`. A test compares docs/simulator.md with it.

export const BATCH_FAULTS = {
  lost: 'The batch is accepted, but the connection breaks before the response',
  refuse: 'The batch is not accepted: 503',
  fail: 'The batch fails validation; no line runs',
  expire: 'The batch expires after this many lines (default: half of them)',
  stall: 'The batch stops making progress after this many lines (default: half of them) until it is cancelled',
  stuck: 'Like stall, and cancelling takes ten times as long as a batch',
} as const;

export type BatchFaultName = keyof typeof BATCH_FAULTS;

export interface BatchFault {
  name: BatchFaultName;
  /** Lines that are answered before it takes effect; null: half of them. */
  afterLines: number | null;
}

/** Throws a RangeError whose message is for the user. */
export function readBatchFault(text: string): BatchFault {
  const [, name, lines] = /^([a-z]+)(?:@(\d{1,9}))?$/.exec(text) ?? [];
  if (name !== undefined && Object.hasOwn(BATCH_FAULTS, name)) {
    return { name: name as BatchFaultName, afterLines: lines === undefined ? null : Number(lines) };
  }
  const known = Object.keys(BATCH_FAULTS).join(', ');
  throw new RangeError(`Unknown batch fault "${text}"; known: ${known}; some take a number of lines: expire@10.`);
}
