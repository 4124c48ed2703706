// Keys of clients: what they may, what they may spend, how they are made and revoked.
import { useState } from 'preact/hooks';
import { call, may, post } from '../api/client.ts';
import { refresh, useQuery } from '../api/query.ts';
import type { ApiKey } from '../api/types.ts';
import { Dialog } from '../parts/actions.tsx';
import { count, time, usd, words } from '../parts/format.ts';
import { Badge, Check, CopyButton, Empty, Loaded, Page, Panel, Select, Text } from '../parts/panel.tsx';

type Asking =
  | { kind: 'new' }
  | { kind: 'edit'; key: ApiKey }
  | { kind: 'revoke'; key: ApiKey }
  | { kind: 'secret'; secret: string };

export default function KeysPage() {
  const [asking, setAsking] = useState<Asking | null>(null);
  const [isWithRevoked, setWithRevoked] = useState(false);
  const keys = useQuery<{ data: ApiKey[] }>('/keys');
  const close = () => setAsking(null);
  const more = (
    <>
      <Check label="Revoked ones too" value={isWithRevoked} onChange={setWithRevoked} />
      {may('operator') ? (
        <button type="button" class="button main" onClick={() => setAsking({ kind: 'new' })}>
          New key …
        </button>
      ) : null}
    </>
  );
  return (
    <Page title="Keys" more={more}>
      <Panel isFlush>
        <Loaded of={keys}>
          {({ data }) => {
            const shown = data.filter((key) => isWithRevoked || key.revoked_at === null);
            return shown.length === 0 ? (
              <Empty>There is no key yet.</Empty>
            ) : (
              <KeyTable keys={shown} onAsk={setAsking} />
            );
          }}
        </Loaded>
      </Panel>
      {asking?.kind === 'new' ? (
        <KeyDialog onClose={close} onMade={(secret) => setAsking({ kind: 'secret', secret })} />
      ) : null}
      {asking?.kind === 'edit' ? <KeyDialog of={asking.key} onClose={close} onMade={close} /> : null}
      {asking?.kind === 'secret' ? <SecretDialog secret={asking.secret} onClose={close} /> : null}
      {asking?.kind === 'revoke' ? <RevokeDialog of={asking.key} onClose={close} /> : null}
    </Page>
  );
}

function KeyTable({ keys, onAsk }: { keys: readonly ApiKey[]; onAsk: (asking: Asking) => void }) {
  return (
    <div class="scroll" tabIndex={0}>
      <table class="plain">
        <thead>
          <tr>
            <th>Name</th>
            <th>Key</th>
            <th>Models</th>
            <th>Limits</th>
            <th class="end">Budget</th>
            <th>Made</th>
            <th />
          </tr>
        </thead>
        <tbody>
          {keys.map((key) => (
            <tr key={key.id}>
              <td>
                <b>{key.name}</b> {key.revoked_at === null ? null : <Badge tone="bad">revoked</Badge>}
                <div class="muted mono">{key.id}</div>
              </td>
              <td class="mono">{key.hint}</td>
              <td>{key.models === null ? <span class="muted">all</span> : key.models.join(', ')}</td>
              <td class="number">{describeLimits(key)}</td>
              <td class="end">
                {key.budget_usd === null ? (
                  <span class="muted">none</span>
                ) : (
                  `${usd(key.budget_usd)} ${words(key.budget_period)}`
                )}
              </td>
              <td>{time(key.created_at)}</td>
              <td class="end">
                <a class="button small" href={`/console/requests?key=${key.id}`}>
                  Requests
                </a>{' '}
                {key.revoked_at === null && may('operator') ? (
                  <>
                    <button type="button" class="button small" onClick={() => onAsk({ kind: 'edit', key })}>
                      Edit …
                    </button>{' '}
                    <button type="button" class="button small danger" onClick={() => onAsk({ kind: 'revoke', key })}>
                      Revoke …
                    </button>
                  </>
                ) : null}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function describeLimits({ limits }: ApiKey) {
  const entries = Object.entries(limits);
  if (entries.length === 0) return <span class="muted">none</span>;
  return entries.map(([name, value]) => `${words(name)} ${count(value)}`).join(', ');
}

const LIMITS = [
  ['rpm', 'Requests per minute'],
  ['tpm', 'Tokens per minute'],
  ['concurrency', 'At once'],
] as const;

function KeyDialog({ of, onClose, onMade }: { of?: ApiKey; onClose: () => void; onMade: (secret: string) => void }) {
  const [name, setName] = useState(of?.name ?? '');
  const [models, setModels] = useState(of?.models?.join(', ') ?? '');
  const [budget, setBudget] = useState(of?.budget_usd == null ? '' : String(of.budget_usd));
  const [period, setPeriod] = useState<string>(of?.budget_period ?? 'month');
  const [limits, setLimits] = useState<Record<string, string>>(
    Object.fromEntries(Object.entries(of?.limits ?? {}).map(([limit, value]) => [limit, String(value)])),
  );
  const settings = () => ({
    limits: Object.fromEntries(
      Object.entries(limits).flatMap(([limit, value]) => (value === '' ? [] : [[limit, Number(value)]])),
    ),
    models: models.trim() === '' ? null : models.split(',').map((model) => model.trim()),
    budget_usd: budget === '' ? null : Number(budget),
    budget_period: period,
  });
  const save = async () => {
    const saved =
      of === undefined
        ? await post<{ key: string }>('/keys', { name, ...settings() })
        : await call<{ key?: string }>('PATCH', `/keys/${of.id}`, settings());
    refresh('/keys');
    onMade(saved.key ?? '');
  };
  return (
    <Dialog
      title={of === undefined ? 'New key' : `Edit ${of.name}`}
      submit={of === undefined ? 'Make it' : 'Save'}
      onSubmit={save}
      onClose={onClose}
    >
      {of === undefined ? <Text label="Name" value={name} onChange={setName} required maxLength={200} /> : null}
      <Text
        label="Models, with commas between them; * stands for anything; empty: all"
        value={models}
        onChange={setModels}
      />
      <div class="row">
        {LIMITS.map(([limit, label]) => (
          <Text
            key={limit}
            label={label}
            type="number"
            min={1}
            value={limits[limit] ?? ''}
            onChange={(value) => setLimits({ ...limits, [limit]: value })}
          />
        ))}
      </div>
      <div class="row">
        <Text label="Budget, $; empty: none" inputMode="decimal" value={budget} onChange={setBudget} />
        <Select
          label="It starts over"
          value={period}
          onChange={setPeriod}
          choices={[
            ['day', 'every day'],
            ['week', 'every week'],
            ['month', 'every month'],
            ['total', 'never'],
          ]}
        />
      </div>
    </Dialog>
  );
}

function SecretDialog({ secret, onClose }: { secret: string; onClose: () => void }) {
  return (
    <Dialog title="The new key" onClose={onClose}>
      <p>It is shown this once. Nobody can read it again, only revoke it.</p>
      <pre class="text">{secret}</pre>
      <div>
        <CopyButton text={() => secret}>Copy the key</CopyButton>
      </div>
    </Dialog>
  );
}

function RevokeDialog({ of, onClose }: { of: ApiKey; onClose: () => void }) {
  const revoke = async () => {
    await call('DELETE', `/keys/${of.id}`);
    refresh('/keys');
    onClose();
  };
  return (
    <Dialog title={`Revoke ${of.name}?`} submit="Revoke" isDanger onSubmit={revoke} onClose={onClose}>
      <p>Within a second nobody is answered who uses it. It cannot be undone; its history stays.</p>
    </Dialog>
  );
}
