// Short tables, which become cards on a small screen, and lists of names and values.
import { type ComponentChildren, Fragment } from 'preact';
import { useState } from 'preact/hooks';
import { Empty } from './panel.tsx';

/** A column; `end` aligns figures to the right. */
export type Head = string | readonly [title: string, side: 'end'];

interface TableProps {
  label: string;
  heads?: readonly Head[];
  /** Shown in place of an empty table. */
  empty?: string;
  /** For a caller that fetches rows on request: what was fetched is shown at once. */
  isPaged?: boolean;
  /** Its rows. */
  children: readonly ComponentChildren[];
}

/**
 * A short table; scrolls horizontally if it is wide, also by keyboard. On a small screen each row is a card, in which every value
 * stands behind the title of its column (`--head-1` …), so that actions are never out of sight.
 */
export function Table({ label, heads = [], empty, isPaged = false, children }: TableProps) {
  const [shown, setShown] = useState(isPaged ? Number.POSITIVE_INFINITY : ROWS_AT_ONCE);
  if (children.length === 0 && empty !== undefined) return <Empty>{empty}</Empty>;
  const titles = heads.map((head, index) => [
    `--head-${index + 1}`,
    JSON.stringify(typeof head === 'string' ? head : head[0]),
  ]);
  return (
    <section class="scroll" aria-label={label} tabIndex={0}>
      <table class={heads.at(-1) === '' ? 'plain acting' : 'plain'} style={Object.fromEntries(titles)}>
        {heads.length === 0 ? null : (
          <thead>
            <tr>
              {heads.map((head) => {
                const [title, side] = typeof head === 'string' ? [head, ''] : head;
                return (
                  <th key={title} scope="col" class={side}>
                    {title === '' ? <span class="hidden-text">Actions</span> : title}
                  </th>
                );
              })}
            </tr>
          </thead>
        )}
        <tbody>{children.slice(0, shown)}</tbody>
      </table>
      {children.length > shown ? (
        <div class="more-rows">
          <button type="button" class="button small" onClick={() => setShown(shown + ROWS_AT_ONCE)}>
            Show more
          </button>{' '}
          <span class="muted number">
            {shown} of {children.length} are shown
          </span>
        </div>
      ) : null}
    </section>
  );
}

/** Of a longer table the others are shown on request: hundreds of rows take the browser too long. */
const ROWS_AT_ONCE = 100;

export type Pair = readonly [name: string, value: ComponentChildren];

export function Pairs({ of }: { of: readonly Pair[] }) {
  return (
    <dl class="pairs">
      {of.map(([name, value]) => (
        <Fragment key={name}>
          <dt>{name}</dt>
          <dd class="number">{value}</dd>
        </Fragment>
      ))}
    </dl>
  );
}
