// A table of a million requests: which rows are kept, which are read again, and the position of its scroll bar.
import { describe, expect, test } from 'vitest';
import { PagedList, type ReadPage } from '../../../console/src/parts/paged-list.ts';
import { ROW_PX, scaled } from '../../../console/src/parts/scale.ts';
import { waitFor } from '../../support/wait.ts';

const PAGE = 500;
const MAX_ROWS = 12_000;

/** Numbers from 0, in pages; counts the reads. */
function source(total: number, lengthOf: (start: number) => number = () => PAGE) {
  const asked: number[] = [];
  const read = async (after: string | null): Promise<ReadPage<number>> => {
    const start = Number(after ?? 0);
    asked.push(start);
    const length = Math.min(lengthOf(start), total - start);
    const end = start + PAGE;
    const data = Array.from({ length }, (_, index) => start + index);
    return { data, next: end >= total ? null : String(end), searched_until: `row ${end}` };
  };
  const list = new PagedList(read, () => undefined);
  const idle = () => waitFor('the list to have read', () => !list.isLoading);
  return { list, asked, idle };
}

describe('a list of pages', () => {
  test('loads more only when its end comes into view', async () => {
    const { list, idle } = source(10_000);
    list.want(0, 30);
    await idle();
    expect(list.length).toBe(PAGE);
    list.want(400, 430);
    await idle();
    expect(list.length).toBe(2 * PAGE);
    expect(list.at(999)).toBe(999);
    expect(list.isWhole).toBe(false);
  });

  test('keeps a bounded number of rows however long it is, and reads dropped ones again', async () => {
    const { list, asked, idle } = source(30_000);
    while (!list.isWhole) {
      list.want(list.length - 30, list.length - 1);
      await idle();
    }
    expect(list.length).toBe(30_000);
    expect(list.held).toBeLessThanOrEqual(MAX_ROWS);
    expect(list.at(100)).toBeUndefined();
    const before = asked.length;
    list.want(90, 110);
    await idle();
    expect(list.at(100)).toBe(100);
    expect(asked.slice(before)).toEqual([0]);
    expect(list.held).toBeLessThanOrEqual(MAX_ROWS);
  });

  test('accepts pages of any length; after many empty ones it asks before it continues', async () => {
    const few = source(60_000, (start) => (start === 0 ? 3 : start < 15_000 ? 0 : 2));
    few.list.want(0, 30);
    await few.idle();
    expect(few.list.length).toBe(3);
    expect(few.list.isTired).toBe(true);
    expect(few.asked).toHaveLength(21);
    few.list.goOn();
    await waitFor('the rest', () => few.list.length > 3);
    expect(few.list.at(3)).toBe(15_000);
  });

  test('keeps visible rows, on however many pages they are', async () => {
    const tiny = source(60_000, () => 1);
    tiny.list.want(0, 60);
    await tiny.idle();
    for (let index = 0; index <= 60; index++) expect(tiny.list.at(index)).toBe(index * PAGE);
    expect(tiny.asked).toHaveLength(new Set(tiny.asked).size);
  });

  test('keeps a failure until the user continues', async () => {
    let fails = true;
    const list = new PagedList(
      async (): Promise<ReadPage<number>> => {
        if (fails) throw new Error('away');
        return { data: [1], next: null };
      },
      () => undefined,
    );
    list.want(0, 10);
    await waitFor('the failure', () => list.error !== null);
    list.want(0, 10);
    expect(list.length).toBe(0);
    fails = false;
    list.goOn();
    await waitFor('the row', () => list.length === 1);
  });
});

describe('a bar over a million rows', () => {
  const scale = scaled(1_000_000 * ROW_PX, 600);

  test('is not higher than browsers can draw, and reaches every row', () => {
    expect(scale.height).toBeLessThan(17_000_000);
    expect(scale.toWhole(scale.height - 600)).toBe(1_000_000 * ROW_PX - 600);
    expect(scale.toWhole(0)).toBe(0);
    for (const offset of [0, 1_000_000, 20_000_000]) {
      expect(Math.abs(scale.toWhole(scale.toBar(offset)) - offset)).toBeLessThan(10);
    }
  });

  test('detects being at its end when the table is not', () => {
    expect(scale.isStuck(scale.height - 600, 1_000)).toBe(true);
    expect(scale.isStuck(scale.height - 600, 1_000_000 * ROW_PX - 600)).toBe(false);
    expect(scale.isStuck(0, 10)).toBe(true);
  });

  test('is unscaled for a short table', () => {
    const short = scaled(3_400, 600);
    expect(short.isScaled).toBe(false);
    expect(short.toWhole(777)).toBeCloseTo(777);
  });
});
