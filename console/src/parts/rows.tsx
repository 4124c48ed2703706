// A table of any length: only the rows in sight exist. Arrow keys, Page Up and Down, Home and End walk it; Enter opens a row.
import {
  elementScroll,
  observeElementOffset,
  observeElementRect,
  Virtualizer,
  type VirtualizerOptions,
} from '@tanstack/virtual-core';
import type { ComponentChildren } from 'preact';
import { useEffect, useMemo, useReducer, useRef, useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';

export interface Column<T> {
  title: string;
  /** As in `grid-template-columns`. */
  width: string;
  isRight?: boolean;
  show: (row: T) => ComponentChildren;
}

interface RowsProps<T> {
  label: string;
  columns: readonly Column<T>[];
  rows: readonly T[];
  keyOf: (row: T) => string;
  /** Where a row leads. */
  linkOf: (row: T) => string;
  /** The end comes in sight: bring more. */
  onEnd?: () => void;
  minWidth?: string;
}

const ROW_PX = 34;
const HEAD_PX = 34;
/** Rows beyond the edges that exist already. */
const OVERSCAN = 12;
const NEAR_END = 40;

export function Rows<T>({ label, columns, rows, keyOf, linkOf, onEnd, minWidth }: RowsProps<T>) {
  const { route } = useLocation();
  const scroller = useRef<HTMLDivElement>(null);
  const [{ chosen }, choose] = useState({ chosen: 0 });
  /** Chosen by a key; it gets the focus as soon as it exists: rows far away are made after the table has scrolled to them. */
  const unfocused = useRef<number | null>(null);
  const virtual = useVirtual(rows.length, scroller);
  const items = virtual.getVirtualItems();
  const lastShown = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (lastShown >= rows.length - NEAR_END) onEnd?.();
  }, [lastShown, rows.length, onEnd]);

  const walk = (event: KeyboardEvent) => {
    const from = unfocused.current ?? chosen;
    const row = rows[from];
    // A row that has the focus is a link, which opens by itself.
    if (event.key === 'Enter' && event.target === event.currentTarget && row !== undefined) return route(linkOf(row));
    const next = nextRow(event.key, from, rows.length);
    if (next === null) return;
    event.preventDefault();
    unfocused.current = next;
    choose({ chosen: next });
    virtual.scrollToIndex(next);
  };
  useEffect(() => {
    if (unfocused.current === null) return;
    const link = scroller.current?.querySelector<HTMLElement>(`[data-row="${unfocused.current}"]`);
    if (!link) return;
    unfocused.current = null;
    link.focus();
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
        aria-rowcount={rows.length + 1}
        style={{ height: `${virtual.getTotalSize() + HEAD_PX}px` }}
      >
        <div class="head" role="row" aria-rowindex={1}>
          {columns.map(({ title, isRight }) => (
            <span key={title} role="columnheader" class={isRight ? 'right' : ''}>
              {title}
            </span>
          ))}
        </div>
        {items.map(({ index, start }) => {
          const row = rows[index];
          if (row === undefined) return null;
          return (
            <div
              key={keyOf(row)}
              class="line"
              role="row"
              aria-rowindex={index + 2}
              style={{ transform: `translateY(${start + HEAD_PX}px)` }}
            >
              {columns.map(({ title, isRight, show }, place) => (
                <span key={title} role="cell" class={isRight ? 'right' : ''}>
                  {place === 0 ? (
                    <a href={linkOf(row)} data-row={index} tabIndex={index === chosen ? 0 : -1}>
                      {show(row)}
                    </a>
                  ) : (
                    show(row)
                  )}
                </span>
              ))}
            </div>
          );
        })}
      </div>
    </div>
  );
}

function nextRow(key: string, from: number, length: number): number | null {
  const page = 15;
  const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page };
  if (key === 'Home') return 0;
  if (key === 'End') return length - 1;
  const step = steps[key];
  return step === undefined ? null : Math.max(0, Math.min(length - 1, from + step));
}

function useVirtual(length: number, scroller: { current: HTMLDivElement | null }) {
  const [, redraw] = useReducer((turn: number) => turn + 1, 0);
  const options: VirtualizerOptions<HTMLDivElement, Element> = {
    count: length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    overscan: OVERSCAN,
    scrollPaddingStart: HEAD_PX,
    scrollToFn: elementScroll,
    observeElementRect,
    observeElementOffset,
    onChange: () => redraw(0),
  };
  const virtual = useMemo(() => new Virtualizer<HTMLDivElement, Element>(options), []);
  virtual.setOptions(options);
  useEffect(() => virtual._didMount(), [virtual]);
  useEffect(() => virtual._willUpdate());
  return virtual;
}
