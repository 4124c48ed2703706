// What is wrong with an input, by line: all of it up to a bound, then only counted.

export interface LineFault {
  /** 1-based; null where the file as a whole is at fault. */
  line: number | null;
  /** The same code as in `errors.data[]` of a failed batch, where OpenAI has one (reference: Batch API, errors). */
  code: string;
  message: string;
}

export interface FaultList {
  add(line: number | null, code: string, message: string): void;
  /** The first ones. */
  readonly faults: readonly LineFault[];
  /** All of them. */
  readonly count: number;
}

/** More than anyone reads; a file of the wrong format has a fault on each of a million lines. */
export const MAX_FAULTS = 50;

export function createFaultList(limit = MAX_FAULTS): FaultList {
  const faults: LineFault[] = [];
  let count = 0;
  return {
    add(line, code, message) {
      count += 1;
      if (faults.length < limit) faults.push({ line, code, message });
    },
    faults,
    get count() {
      return count;
    },
  };
}

/** `FILE:LINE: message`, which editors and terminals make a link of. */
export function formatFaults(file: string, { faults, count }: Pick<FaultList, 'faults' | 'count'>): string {
  const lines = faults.map(({ line, message }) => `${file}${line === null ? '' : `:${line}`}: ${message}`);
  const rest = count - faults.length;
  return [...lines, ...(rest > 0 ? [`… and ${rest} more faults`] : [])].join('\n');
}
