// The settings in force, without secrets, and the faults of the configuration file.
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { useQuery } from '../api/query.ts';
import type { Settings } from '../api/types.ts';
import { time } from '../parts/format.ts';
import { Badge, Empty, Loaded, Page, Panel, Text } from '../parts/panel.tsx';

export default function SettingsPage() {
  const settings = useQuery<Settings>('/settings', {}, { everyMs: 10_000 });
  return (
    <Page title="Settings">
      <Loaded of={settings}>
        {(found) => (
          <>
            <Panel title="This process">
              <dl class="pairs">
                <dt>Instance</dt>
                <dd class="mono">{found.instance}</dd>
                <dt>Started</dt>
                <dd>{time(found.started_at)}</dd>
                <dt>Node</dt>
                <dd>{found.node}</dd>
                <dt>File</dt>
                <dd class="mono">{found.file}</dd>
                <dt>In force</dt>
                <dd>
                  {found.is_file_in_force ? (
                    <Badge tone="good">same as the file</Badge>
                  ) : (
                    <Badge tone="warn">the file has changed since</Badge>
                  )}
                </dd>
              </dl>
            </Panel>
            {found.faults.length === 0 ? null : (
              <Panel title="Errors in the file">
                <div class="form">
                  {found.faults.map(({ file, line, path, message }) => (
                    <div key={`${path} ${message}`} class="notice bad">
                      <span class="mono">
                        {file}
                        {line === null ? '' : `:${line}`} {path}
                      </span>
                      <div>{message}</div>
                    </div>
                  ))}
                </div>
              </Panel>
            )}
            <Configuration of={found.configuration} />
          </>
        )}
      </Loaded>
    </Page>
  );
}

const MAX_FOUND = 200;

function Configuration({ of }: { of: Settings['configuration'] }) {
  const [sought, seek] = useState('');
  const text = sought.trim().toLowerCase();
  return (
    <Panel
      title="Configuration in force"
      more={<Text label="Find" value={sought} onChange={seek} placeholder="name or value" />}
    >
      {text === '' ? <Tree value={of} depth={0} /> : <Found lines={linesOf(of, text)} />}
    </Panel>
  );
}

function Found({ lines }: { lines: readonly Line[] }) {
  if (lines.length === 0) return <Empty>No setting has this name or value.</Empty>;
  return (
    <div class="tree">
      {lines.slice(0, MAX_FOUND).map(({ path, value }) => (
        <div key={path}>
          {path}: <span class="mono">{value}</span>
        </div>
      ))}
      {lines.length > MAX_FOUND ? <p class="muted">The first {MAX_FOUND} are shown.</p> : null}
    </div>
  );
}

interface Line {
  path: string;
  value: string;
}

/** Values whose path or text contains it; a few more than are shown at most. */
function linesOf(value: unknown, sought: string, path = '', lines: Line[] = []): Line[] {
  if (lines.length > MAX_FOUND) return lines;
  if (typeof value !== 'object' || value === null) {
    const line = { path, value: JSON.stringify(value) ?? '' };
    if (`${path}: ${line.value}`.toLowerCase().includes(sought)) lines.push(line);
    return lines;
  }
  for (const [name, inner] of Object.entries(value))
    linesOf(inner, sought, path === '' ? name : `${path}.${name}`, lines);
  return lines;
}

/** Expanded initially if it is short: hundreds of names at once would delay a frame. */
const OPEN_DEPTH = 1;
const OPEN_NAMES = 50;

function Tree({ value, depth }: { value: unknown; depth: number }): ComponentChildren {
  if (typeof value !== 'object' || value === null) return <span class="mono">{JSON.stringify(value)}</span>;
  const entries = Object.entries(value);
  if (entries.length === 0) return <span class="muted">{Array.isArray(value) ? 'none' : 'not set'}</span>;
  return (
    <div class="tree">
      {entries.map(([name, inner]) => (
        <div key={name}>
          {typeof inner === 'object' && inner !== null && Object.keys(inner).length > 0 ? (
            <Branch name={name} value={inner} depth={depth} />
          ) : (
            <>
              {name}: <Tree value={inner} depth={depth + 1} />
            </>
          )}
        </div>
      ))}
    </div>
  );
}

/** Its content is rendered once it has been opened: most of many providers and models never are. */
function Branch({ name, value, depth }: { name: string; value: object; depth: number }) {
  const [isOpen, setOpen] = useState(depth < OPEN_DEPTH && Object.keys(value).length <= OPEN_NAMES);
  return (
    <details open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{name}</summary>
      {isOpen ? <Tree value={value} depth={depth + 1} /> : null}
    </details>
  );
}
