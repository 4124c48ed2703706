// Where a table of very many rows of one height stands. Browsers draw no element that is higher than some millions of pixels: a
// longer table is scaled, and its bar moves over a part of the height.

export const ROW_PX = 34;
export const HEAD_PX = 34;
/** Firefox ends at 17.8 million, Chromium at 33.5. */
export const MAX_HEIGHT_PX = 8_000_000;

/** From the place of the bar to that in the whole, and back; all in pixels. */
export function scaled(whole: number, view: number) {
  const height = Math.min(whole, MAX_HEIGHT_PX);
  const [bar, all] = [Math.max(0, height - view), Math.max(0, whole - view)];
  return {
    height,
    toWhole: (top: number) => (bar === 0 ? 0 : Math.min(all, (top / bar) * all)),
    toBar: (offset: number) => (all === 0 ? 0 : Math.round((offset / all) * bar)),
    /** The bar is at its end, and the table is not. */
    isStuck: (top: number, offset: number) => (top <= 0 && offset > 0) || (top >= bar && offset < all),
    clamp: (offset: number) => Math.min(all, Math.max(0, offset)),
    isScaled: height < whole,
  };
}
