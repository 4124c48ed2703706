// Batches of all keys: progress, forecast, cost. Files dropped here are checked before they are uploaded.
import { useState } from 'preact/hooks';
import { may, post, send } from '../api/client.ts';
import { refresh, useQuery } from '../api/query.ts';
import type { ApiKey, Batch, Page as FoundPage } from '../api/types.ts';
import { type CheckedFile, checkLines } from '../batches/check-lines.ts';
import { Action, Dialog, tell, withheld } from '../parts/actions.tsx';
import { serverNow } from '../parts/clock.ts';
import { ago, count, duration, rate, time, usd } from '../parts/format.ts';
import { Badge, Bar, Empty, Loaded, Outcome, Page, Panel, Select } from '../parts/panel.tsx';

const ACTIVE = ['validating', 'in_progress', 'finalizing', 'cancelling'];

export default function BatchesPage() {
  const keys = (useQuery<{ data: ApiKey[] }>('/keys').data?.data ?? []).filter((key) => key.revoked_at === null);
  const batches = useQuery<FoundPage<Batch>>('/batches', { limit: 50 }, { everyMs: 2_000 });
  const [file, setFile] = useState<File | null>(null);
  return (
    <Page title="Batches" changesNeed="operator">
      <Drop onFile={setFile} />
      <Panel isFlush>
        <Loaded of={batches}>
          {({ data }) =>
            data.length === 0 ? (
              <Empty>
                There are no batches yet. Drop a file above, or use <code>sluice batch submit FILE</code>.
              </Empty>
            ) : (
              data.map((batch) => (
                <BatchRow
                  key={batch.id}
                  batch={batch}
                  keyName={keys.find(({ id }) => id === batch.key_id)?.name ?? batch.key_id}
                />
              ))
            )
          }
        </Loaded>
      </Panel>
      {/* The browser reports a closed dialog a moment later: by then the next file may have been dropped. */}
      {file === null ? null : (
        <Upload
          key={file}
          file={file}
          keys={keys}
          onClose={() => setFile((current) => (current === file ? null : current))}
        />
      )}
    </Page>
  );
}

function Drop({ onFile }: { onFile: (file: File) => void }) {
  const [isOver, setOver] = useState(false);
  const take = (files: FileList | null | undefined) => {
    const file = files?.[0];
    if (file !== undefined && may('operator')) onFile(file);
  };
  return (
    <div
      class={`drop${isOver ? ' over' : ''}`}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        take(event.dataTransfer?.files);
      }}
    >
      <label class="field" style={{ alignItems: 'center' }}>
        <span>Drop a JSONL file with requests here, or choose one</span>
        <input
          type="file"
          {...withheld('operator')}
          accept=".jsonl,.ndjson,application/jsonl"
          onChange={(event) => {
            take(event.currentTarget.files);
            event.currentTarget.value = '';
          }}
        />
      </label>
    </div>
  );
}

function BatchRow({ batch, keyName }: { batch: Batch; keyName: string }) {
  const { request_counts: counts, status } = batch;
  const ended = counts.completed + counts.failed;
  const isActive = ACTIVE.includes(status);
  const part = counts.total === 0 ? 0 : ended / counts.total;
  const asKey = `/as/${batch.key_id}/v1`;
  const perSecond = rateOf(batch);
  return (
    <div class="body form" style={{ padding: '12px 14px', borderBottom: '1px solid var(--line)' }}>
      <div class="legend" style={{ alignItems: 'center' }}>
        <b class="mono" style={{ color: 'var(--text)' }}>
          {batch.id}
        </b>
        <Outcome code={status === 'in_progress' ? 'running' : status} />
        {batch.x_sluice_at_risk && isActive ? <Badge tone="warn">may exceed its completion window</Badge> : null}
        <span>{batch.model ?? batch.endpoint}</span>
        <span>{keyName}</span>
        <span>made {time(batch.created_at)}</span>
        <span style={{ marginLeft: 'auto', display: 'inline-flex', gap: '6px', flexWrap: 'wrap' }}>
          <Download batch={batch} id={batch.output_file_id} asKey={asKey} label="Results" />
          <Download batch={batch} id={batch.error_file_id} asKey={asKey} label="Failed lines" />
          {status === 'validating' || status === 'in_progress' ? (
            <Action
              isSmall
              needs="operator"
              kind="danger"
              done="It is being cancelled."
              run={async () => {
                await post(`${asKey}/batches/${batch.id}/cancel`);
                refresh('/batches');
              }}
            >
              Cancel
            </Action>
          ) : null}
        </span>
      </div>
      <Bar part={part} label={`Progress of ${batch.id}`} isPlain />
      <div class="legend number">
        <span>
          {count(ended)} of {count(counts.total)} lines
        </span>
        {counts.failed > 0 ? <span class="bad">{count(counts.failed)} failed</span> : null}
        {perSecond === null ? null : <span>{rate(perSecond)} lines per second</span>}
        {isActive && batch.x_sluice_eta !== null ? <span>done {ago(batch.x_sluice_eta)}</span> : null}
        {isActive ? <span>window ends {ago(batch.expires_at)}</span> : null}
        <span>
          {count(batch.usage.input_tokens)} + {count(batch.usage.output_tokens)} tokens
        </span>
        <span>
          <b>{usd(batch.x_sluice_cost)}</b>
          {isActive ? ' so far' : ''}
        </span>
      </div>
      {batch.errors === null ? null : (
        <div class="notice bad">
          {batch.errors.data.slice(0, 5).map(({ line, message }) => (
            <div key={`${line} ${message}`}>
              {line === null ? '' : `line ${line}: `}
              {message}
            </div>
          ))}
        </div>
      )}
    </div>
  );
}

function rateOf({ in_progress_at: since, completed_at: end, request_counts: counts }: Batch): number | null {
  if (since === null) return null;
  const seconds = (end ?? serverNow() / 1_000) - since;
  return seconds <= 0 ? null : (counts.completed + counts.failed) / seconds;
}

function Download({ batch, id, asKey, label }: { batch: Batch; id: string | null; asKey: string; label: string }) {
  // Clients' input and output is not shown to every role.
  if (id === null || !may('operator')) return null;
  return (
    <a
      class="button small"
      href={`/admin${asKey}/files/${id}/content`}
      download={`${batch.id}-${label.toLowerCase().replaceAll(' ', '-')}.jsonl`}
    >
      {label}
    </a>
  );
}

const WINDOWS = ['1h', '6h', '24h', '3d', '7d'].map((window) => [window, window] as const);

function Upload({ file, keys, onClose }: { file: File; keys: readonly ApiKey[]; onClose: () => void }) {
  const [checked, setChecked] = useState<CheckedFile | null>(null);
  const [chosen, setChosen] = useState<string | null>(null);
  // The keys may be read after the file was dropped.
  const keyId = chosen ?? keys.at(-1)?.id;
  const [window, setWindow] = useState('24h');
  const [startedAt] = useState(() => {
    void checkLines(file).then(setChecked, (error: Error) => tell(error.message));
    return performance.now();
  });
  const isGood = checked !== null && checked.faults.length === 0 && checked.lines > 0;
  const upload = async () => {
    if (!isGood) throw new Error('The file has errors; nothing was sent.');
    if (keyId === undefined) throw new Error('There is no key to send it with: create one under Keys.');
    const form = new FormData();
    form.set('purpose', 'batch');
    form.set('file', file, file.name);
    const sent = (await (await send('POST', `/as/${keyId}/v1/files`, { body: form })).json()) as { id: string };
    const batch = await post<Batch>(`/as/${keyId}/v1/batches`, {
      input_file_id: sent.id,
      endpoint: checked.endpoint,
      completion_window: window,
    });
    refresh('/batches');
    tell(`${batch.id} was started (${duration(performance.now() - startedAt)} after the drop).`);
    onClose();
  };
  return (
    <Dialog title={file.name} submit="Start the batch" onSubmit={upload} onClose={onClose}>
      {checked === null ? <p class="muted">Checking the file …</p> : <Checked checked={checked} bytes={file.size} />}
      <div class="row">
        <Select
          label="As this key"
          value={keyId ?? ''}
          onChange={setChosen}
          choices={keys.map((key) => [key.id, key.name] as const)}
        />
        <Select label="Completion window" value={window} onChange={setWindow} choices={WINDOWS} />
      </div>
    </Dialog>
  );
}

function Checked({
  checked: { lines, endpoint, models, faults, faultCount },
  bytes,
}: {
  checked: CheckedFile;
  bytes: number;
}) {
  return (
    <>
      <p class="number">
        {count(lines)} lines, {(bytes / 1e6).toFixed(1)} MB, {endpoint}, {models.join(', ')}
      </p>
      {faults.length === 0 ? (
        <p>
          <Badge tone="good">no faults found</Badge>
        </p>
      ) : (
        <div class="notice bad" role="alert">
          {faults.map((fault) => (
            <div key={fault}>{fault}</div>
          ))}
          {faultCount > faults.length ? <div>and {count(faultCount - faults.length)} more</div> : null}
        </div>
      )}
    </>
  );
}
