// The settings in force, without secrets, and the faults of the configuration file.
import type { ComponentChildren } from 'preact';
import { useQuery } from '../api/query.ts';
import type { Settings } from '../api/types.ts';
import { time } from '../parts/format.ts';
import { Badge, Loaded, Page, Panel } from '../parts/panel.tsx';

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
                    <Badge tone="good">as the file has it</Badge>
                  ) : (
                    <Badge tone="warn">the file has changed since</Badge>
                  )}
                </dd>
              </dl>
            </Panel>
            {found.faults.length === 0 ? null : (
              <Panel title="Faults of the file">
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
            <Panel title="Configuration in force">
              <Tree value={found.configuration} depth={0} />
            </Panel>
          </>
        )}
      </Loaded>
    </Page>
  );
}

/** Expanded initially as long as it stays short. */
const OPEN_DEPTH = 1;

function Tree({ value, depth }: { value: unknown; depth: number }): ComponentChildren {
  if (typeof value !== 'object' || value === null) return <span class="mono">{JSON.stringify(value)}</span>;
  const entries = Object.entries(value);
  if (entries.length === 0) return <span class="muted">{Array.isArray(value) ? 'none' : 'nothing set'}</span>;
  return (
    <div class="tree">
      {entries.map(([name, inner]) => (
        <div key={name}>
          {typeof inner === 'object' && inner !== null && Object.keys(inner).length > 0 ? (
            <details open={depth < OPEN_DEPTH}>
              <summary>{name}</summary>
              <Tree value={inner} depth={depth + 1} />
            </details>
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
