// A list of any length, read page by page. Only the pages around the visible rows are kept; of others only the cursor, so that they
// can be read again.

export interface ReadPage<T> {
  data: readonly T[];
  next: string | null;
  searched_until?: string | null;
}

interface Place {
  /** Cursor of the page; null for the first. */
  after: string | null;
  /** Index of its first row. */
  start: number;
  length: number;
}

/** Rows kept at most, unless more are visible. */
const MAX_ROWS = 12_000;
/** Consecutive empty pages after which the user must confirm to continue. */
const MAX_EMPTY = 20;

export class PagedList<T> {
  readonly #read: (after: string | null) => Promise<ReadPage<T>>;
  readonly #onChange: () => void;
  #places: Place[] = [];
  readonly #pages = new Map<number, readonly T[]>();
  /** Cursor of the next page. Undefined before the first read; null at the end. */
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

  /** Rows known so far. */
  get length(): number {
    const last = this.#places.at(-1);
    return last === undefined ? 0 : last.start + last.length;
  }

  /** Rows in memory. */
  get held(): number {
    return [...this.#pages.values()].reduce((sum, page) => sum + page.length, 0);
  }

  get isWhole(): boolean {
    return this.#next === null;
  }

  /** A long search has found nothing; the user must continue it. */
  get isTired(): boolean {
    return this.#emptyPages >= MAX_EMPTY && !this.isWhole;
  }

  /** Undefined if its page is not loaded. */
  at(index: number): T | undefined {
    const number = this.#pageOf(index);
    const place = this.#places[number];
    return place === undefined ? undefined : this.#pages.get(number)?.[index - place.start];
  }

  /** Reports the visible rows: loads missing pages, and the next page near the end. */
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

  /** The page to load now: visible rows first, then the next page. Null if there is none. */
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

  /** Visible pages are never dropped: they would be loaded again at once, endlessly. */
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

  /** The last page that begins at or before the row. */
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

/** Distance from the end, in rows, at which more are loaded. */
const NEAR_END = 200;
