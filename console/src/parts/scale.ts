// Scroll position of a table with very many rows of equal height. Browsers limit the height of an element to some millions of
// pixels: a longer table is scaled, and its scroll bar covers only a part of the height.

export const ROW_PX = 34;
export const HEAD_PX = 34;
/** Firefox' limit is 17.8 million, Chromium's 33.5. */
export const MAX_HEIGHT_PX = 8_000_000;

/** Converts between scroll bar position and position in the whole table, in pixels. */
export function scaled(whole: number, view: number) {
  const height = Math.min(whole, MAX_HEIGHT_PX);
  const [bar, all] = [Math.max(0, height - view), Math.max(0, whole - view)];
  return {
    height,
    toWhole: (top: number) => (bar === 0 ? 0 : Math.min(all, (top / bar) * all)),
    toBar: (offset: number) => (all === 0 ? 0 : Math.round((offset / all) * bar)),
    /** The scroll bar is at its end, but the table is not. */
    isStuck: (top: number, offset: number) => (top <= 0 && offset > 0) || (top >= bar && offset < all),
    clamp: (offset: number) => Math.min(all, Math.max(0, offset)),
    isScaled: height < whole,
  };
}
