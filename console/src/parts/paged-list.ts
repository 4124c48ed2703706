// A list that is read page by page and may be of any length: of what was read only the pages around what is looked at are kept,
// and of the others their places, so that they are read again when somebody comes back to them.

export interface ReadPage<T> {
  data: readonly T[];
  next: string | null;
  searched_until?: string | null;
}

interface Place {
  /** What its reading begins behind; null for the first. */
  after: string | null;
  /** Index of its first row. */
  start: number;
  length: number;
}

/** Held at most, unless more are looked at. */
const MAX_ROWS = 12_000;
/** Pages without a find that are asked for on end, before somebody is asked whether to go on. */
const MAX_EMPTY = 20;

export class PagedList<T> {
  readonly #read: (after: string | null) => Promise<ReadPage<T>>;
  readonly #onChange: () => void;
  #places: Place[] = [];
  readonly #pages = new Map<number, readonly T[]>();
  /** Undefined: nothing was read yet; null: the end is known. */
  #next: string | null | undefined;
  #emptyPages = 0;
  #wanted = { first: 0, last: 0 };
  #isClosed = false;
  isLoading = false;
  error: Error | null = null;
  searchedUntil: string | null = null;

  constructor(read: (after: string | null) => Promise<ReadPage<T>>, onChange: () => void) {
    this.#read = read;
    this.#onChange = onChange;
  }

  /** Rows known to be there. */
  get length(): number {
    const last = this.#places.at(-1);
    return last === undefined ? 0 : last.start + last.length;
  }

  /** Rows that are held. */
  get held(): number {
    return [...this.#pages.values()].reduce((sum, page) => sum + page.length, 0);
  }

  get isWhole(): boolean {
    return this.#next === null;
  }

  /** Much was searched and nothing found: going on is somebody's decision. */
  get isTired(): boolean {
    return this.#emptyPages >= MAX_EMPTY && !this.isWhole;
  }

  /** Undefined while its page is not here. */
  at(index: number): T | undefined {
    const number = this.#pageOf(index);
    const place = this.#places[number];
    return place === undefined ? undefined : this.#pages.get(number)?.[index - place.start];
  }

  /** These are looked at: what is missing of them is read, and the next page where they come near the end. */
  want(first: number, last: number): void {
    this.#wanted = { first, last };
    void this.#work();
  }

  goOn(): void {
    this.#emptyPages = 0;
    this.error = null;
    void this.#work();
  }

  close(): void {
    this.#isClosed = true;
  }

  async #work(): Promise<void> {
    if (this.isLoading || this.error !== null) return;
    this.isLoading = true;
    try {
      for (let number = this.#missing(); number !== null && !this.#isClosed; number = this.#missing()) {
        await this.#load(number);
        this.#onChange();
      }
    } catch (error) {
      this.error = error as Error;
    } finally {
      this.isLoading = false;
      if (!this.#isClosed) this.#onChange();
    }
  }

  /** The page to be read now: of what is looked at before what comes next. Null: there is none. */
  #missing(): number | null {
    const { first, last } = this.#wanted;
    const known = this.#places.length;
    if (known > 0 && this.length > 0) {
      for (let number = this.#pageOf(first); number <= this.#pageOf(last); number++) {
        if (this.#places[number]!.length > 0 && !this.#pages.has(number)) return number;
      }
    }
    const isNearEnd = last >= this.length - NEAR_END;
    return isNearEnd && !this.isWhole && this.#emptyPages < MAX_EMPTY ? known : null;
  }

  async #load(number: number): Promise<void> {
    const isNew = number === this.#places.length;
    const after = isNew ? (this.#next ?? null) : this.#places[number]!.after;
    const page = await this.#read(after);
    if (isNew) {
      this.#places.push({ after, start: this.length, length: page.data.length });
      this.#next = page.next;
      this.#emptyPages = page.data.length === 0 ? this.#emptyPages + 1 : 0;
      this.searchedUntil = page.searched_until ?? null;
    }
    if (page.data.length > 0) this.#pages.set(number, page.data);
    this.#dropFar();
  }

  /** Never what is looked at: it would be read again at once, and for ever. */
  #dropFar(): void {
    const { first, last } = this.#wanted;
    const distanceOf = (number: number) => {
      const { start, length } = this.#places[number]!;
      return Math.max(0, start - last, first - (start + length - 1));
    };
    while (this.held > MAX_ROWS) {
      const far = [...this.#pages.keys()].reduce((a, b) => (distanceOf(a) > distanceOf(b) ? a : b));
      if (distanceOf(far) === 0) return;
      this.#pages.delete(far);
    }
  }

  /** The last one that begins at or before the row. */
  #pageOf(index: number): number {
    let [low, high] = [0, this.#places.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.#places[middle]!.start <= index) low = middle;
      else high = middle - 1;
    }
    return Math.max(0, low);
  }
}

/** Rows before the end at which more are read. */
const NEAR_END = 200;
