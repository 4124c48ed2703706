// Scrolls a table that may exceed a browser's limits (scale.ts): wheel and keys move by rows at any length; only dragging the
// scroll bar moves proportionally.
import { HEAD_PX, MAX_HEIGHT_PX, ROW_PX, scaled } from './scale.ts';

/** A larger step means that the scroll bar was dragged. */
const JUMP_PX = 4_000;
/** After this pause in scrolling, the scroll bar is repositioned. */
const IDLE_MS = 150;

export interface Scroll {
  /** Returns a function that detaches it. */
  attach(element: HTMLElement): () => void;
  /** `offset`: of the first visible pixel. `shift`: how much higher rows are drawn than their position in the whole. */
  place(count: number): { offset: number; shift: number; viewPx: number };
  heightOf(count: number): number;
  /** Scrolls to a row unless it is visible. */
  show(index: number): void;
}

export function createScroll(onChange: () => void): Scroll {
  let element: HTMLElement | null = null;
  let whole = HEAD_PX;
  let [offset, top, viewPx] = [0, 0, 600];
  let timer: ReturnType<typeof setTimeout> | undefined;

  /** Repositions the scroll bar without moving the visible rows. */
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
