// Long lists, of which only what is visible is rendered: a table of any length, and panels of different heights. In the table
//  Arrow keys, Page Up/Down, Home and End move; Enter opens a row.
import { Component, type ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useReducer, useRef, useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import { HEAD_PX, ROW_PX } from './scale.ts';
import { createScroll } from './scroll.ts';

export interface Column<T> {
  title: string;
  /** A value for `grid-template-columns`. */
  width: string;
  isRight?: boolean;
  show: (row: T) => ComponentChildren;
}

interface RowsProps<T> {
  label: string;
  columns: readonly Column<T>[];
  count: number;
  /** Undefined while the row is not loaded. */
  rowAt: (index: number) => T | undefined;
  /** Link target of a row. */
  linkOf: (row: T) => string;
  /** Called with the visible range. */
  onRange: (first: number, last: number) => void;
  minWidth?: string;
}

/** Rows rendered beyond the visible ones. */
const OVERSCAN = 8;

export function Rows<T>({ label, columns, count, rowAt, linkOf, onRange, minWidth }: RowsProps<T>) {
  const { route } = useLocation();
  const scroller = useRef<HTMLDivElement>(null);
  const [, redraw] = useReducer((turn: number) => turn + 1, 0);
  const [scroll] = useState(() => createScroll(() => redraw(0)));
  const [chosen, choose] = useState(0);
  /** Row selected by keyboard. It is focused once it is rendered, which for distant rows is after scrolling. */
  const unfocused = useRef<number | null>(null);
  useEffect(() => scroll.attach(scroller.current!), [scroll]);
  const { offset, shift, viewPx } = scroll.place(count);
  const first = Math.max(0, Math.floor(offset / ROW_PX) - OVERSCAN);
  const last = Math.min(count - 1, Math.ceil((offset + viewPx) / ROW_PX) + OVERSCAN);
  useEffect(() => onRange(first, last), [first, last, count, onRange]);

  const walk = (event: KeyboardEvent) => {
    const from = unfocused.current ?? chosen;
    const row = rowAt(from);
    // A focused row is a link, which handles Enter itself.
    if (event.key === 'Enter' && event.target === event.currentTarget && row !== undefined) return route(linkOf(row));
    const next = nextRow(event.key, from, count, Math.max(1, Math.floor(viewPx / ROW_PX) - 1));
    if (next === null) return;
    event.preventDefault();
    unfocused.current = next;
    choose(next);
    scroll.show(next);
  };
  // If the focused row is scrolled out of view, the table takes the focus.
  const hadFocus = scroller.current?.contains(document.activeElement) === true;
  useLayoutEffect(() => {
    const table = scroller.current!;
    const link =
      unfocused.current === null ? null : table.querySelector<HTMLElement>(`a[data-row="${unfocused.current}"]`);
    if (link !== null) {
      unfocused.current = null;
      link.focus({ preventScroll: true });
    } else if (hadFocus && !table.contains(document.activeElement)) table.focus({ preventScroll: true });
  });
  const style = {
    '--rows-columns': columns.map(({ width }) => width).join(' '),
    ...(minWidth === undefined ? {} : { '--rows-min': minWidth }),
  };
  return (
    <div ref={scroller} class="rows" style={style} tabIndex={0} onKeyDown={walk}>
      <div
        class="inner"
        role="table"
        aria-label={label}
        aria-rowcount={count + 1}
        style={{ height: `${scroll.heightOf(count)}px` }}
      >
        <div class="head" role="row" aria-rowindex={1}>
          {columns.map(({ title, isRight }) => (
            <span key={title} role="columnheader" class={isRight ? 'right' : ''}>
              {title}
            </span>
          ))}
        </div>
        {Array.from({ length: Math.max(0, last - first + 1) }, (_, place) => {
          const index = first + place;
          return (
            <Line
              key={index}
              index={index}
              row={rowAt(index)}
              top={index * ROW_PX - shift + HEAD_PX}
              columns={columns as readonly Column<unknown>[]}
              linkOf={linkOf as (row: unknown) => string}
              isChosen={index === chosen}
            />
          );
        })}
      </div>
    </div>
  );
}

interface LineProps {
  index: number;
  row: unknown;
  top: number;
  columns: readonly Column<unknown>[];
  linkOf: (row: unknown) => string;
  isChosen: boolean;
}

/** Memoised: most rows do not change while the table is scrolled. */
class Line extends Component<LineProps> {
  override shouldComponentUpdate(next: LineProps): boolean {
    const { row, top, columns, isChosen } = this.props;
    return next.row !== row || next.top !== top || next.columns !== columns || next.isChosen !== isChosen;
  }

  override render({ index, row, top, columns, linkOf, isChosen }: LineProps) {
    return (
      <div class="line" role="row" aria-rowindex={index + 2} style={{ transform: `translateY(${top}px)` }}>
        {columns.map(({ title, isRight, show }, place) => {
          const shown = row === undefined ? '…' : show(row);
          // A long name is cut to the width of its column.
          const whole = typeof shown === 'string' ? { title: shown } : {};
          return (
            <span key={title} role="cell" class={isRight ? 'right' : ''} {...whole}>
              {row === undefined || place > 0 ? (
                shown
              ) : (
                <a href={linkOf(row)} data-row={index} tabIndex={isChosen ? 0 : -1}>
                  {shown}
                </a>
              )}
            </span>
          );
        })}
      </div>
    );
  }
}

interface PanelsProps<T> {
  items: readonly T[];
  keyOf: (item: T) => string;
  /** Until a panel has been seen. */
  estimatePx: number;
  children: (item: T) => ComponentChildren;
}

/** Fewer are all rendered. */
const MANY_PANELS = 20;

/** Panels of different heights, of which only those near the window are rendered if there are many. */
export function Panels<T>({ items, keyOf, estimatePx, children }: PanelsProps<T>) {
  if (items.length <= MANY_PANELS) return <>{items.map((item) => children(item))}</>;
  return (
    <>
      {items.map((item) => (
        <Seen key={keyOf(item)} estimatePx={estimatePx}>
          {() => children(item)}
        </Seen>
      ))}
    </>
  );
}

const NEAR = '600px 0px';

function Seen({ estimatePx, children }: { estimatePx: number; children: () => ComponentChildren }) {
  const box = useRef<HTMLDivElement>(null);
  const heightPx = useRef(estimatePx);
  const [isNear, setNear] = useState(false);
  useEffect(() => {
    const target = box.current!;
    const watcher = new IntersectionObserver(
      (entries) => {
        const { isIntersecting, boundingClientRect } = entries.at(-1)!;
        // What has the focus, or is in an open dialog, stays.
        if (!isIntersecting && target.contains(document.activeElement)) return;
        if (!isIntersecting && target.firstChild !== null) heightPx.current = boundingClientRect.height;
        setNear(isIntersecting);
      },
      { rootMargin: NEAR },
    );
    watcher.observe(target);
    return () => watcher.disconnect();
  }, []);
  return (
    <div ref={box} style={isNear ? { height: 'auto' } : { height: `${heightPx.current}px` }}>
      {isNear ? children() : null}
    </div>
  );
}

function nextRow(key: string, from: number, length: number, page: number): number | null {
  const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page };
  if (key === 'Home') return 0;
  if (key === 'End') return length - 1;
  const step = steps[key];
  return step === undefined ? null : Math.max(0, Math.min(length - 1, from + step));
}
