// Scrolls a table that may be longer than a browser can draw (scale.ts): wheel and keys move row by row however long it is, and
// only a jump of the bar is taken for its share of the whole.
import { HEAD_PX, MAX_HEIGHT_PX, ROW_PX, scaled } from './scale.ts';

/** More at once is no wheel and no key: somebody has dragged the bar. */
const JUMP_PX = 4_000;
/** Without a scroll for so long, the bar is put where it belongs. */
const IDLE_MS = 150;

export interface Scroll {
  /** Returns what detaches it. */
  attach(element: HTMLElement): () => void;
  /** `offset`: of the first pixel in sight. `shift`: what rows are higher up than their place in the whole. */
  place(count: number): { offset: number; shift: number; viewPx: number };
  heightOf(count: number): number;
  /** Scrolls to a row, if it is out of sight. */
  show(index: number): void;
}

export function createScroll(onChange: () => void): Scroll {
  let element: HTMLElement | null = null;
  let whole = HEAD_PX;
  let [offset, top, viewPx] = [0, 0, 600];
  let timer: ReturnType<typeof setTimeout> | undefined;

  /** Puts the bar where it belongs; what is seen stays. */
  function settle(): void {
    if (element === null) return;
    const wanted = scaled(whole, viewPx).toBar(offset);
    if (Math.abs(wanted - element.scrollTop) < 1) return;
    top = wanted;
    element.scrollTop = wanted;
    top = element.scrollTop;
    onChange();
  }

  function onScroll(): void {
    const scale = scaled(whole, viewPx);
    const next = element!.scrollTop;
    const moved = next - top;
    top = next;
    if (moved === 0) return;
    if (!scale.isScaled) offset = next;
    else offset = Math.abs(moved) > JUMP_PX ? scale.toWhole(next) : scale.clamp(offset + moved);
    if (scale.isScaled) {
      clearTimeout(timer);
      timer = setTimeout(settle, IDLE_MS);
      if (scale.isStuck(next, offset)) settle();
    }
    onChange();
  }

  return {
    attach(target) {
      element = target;
      const watcher = new ResizeObserver(() => {
        viewPx = target.clientHeight;
        onChange();
      });
      watcher.observe(target);
      target.addEventListener('scroll', onScroll, { passive: true });
      return () => {
        clearTimeout(timer);
        watcher.disconnect();
        target.removeEventListener('scroll', onScroll);
      };
    },
    place(count) {
      whole = count * ROW_PX + HEAD_PX;
      const { isScaled } = scaled(whole, viewPx);
      return { offset, shift: isScaled ? Math.round(offset - top) : 0, viewPx };
    },
    heightOf: (count) => Math.min(count * ROW_PX + HEAD_PX, MAX_HEIGHT_PX),
    show(index) {
      const [from, to] = [index * ROW_PX, index * ROW_PX + ROW_PX + HEAD_PX];
      if (from >= offset && to <= offset + viewPx) return;
      offset = scaled(whole, viewPx).clamp(from < offset ? from : to - viewPx);
      settle();
      onChange();
    },
  };
}
