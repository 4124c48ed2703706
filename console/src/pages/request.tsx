// One request: its waterfall, what it cost, what was answered, and what can be done with it.

import { useEffect, useState } from 'preact/hooks';
import { useRoute } from 'preact-iso';
import { post } from '../api/client.ts';
import { refresh, useQuery } from '../api/query.ts';
import type { ApiKey, Attempt, RequestDetail } from '../api/types.ts';
import { Action, Dialog, tell } from '../parts/actions.tsx';
import { count, duration, time, usd } from '../parts/format.ts';
import { CopyButton, Figure, Loaded, Outcome, Page, Panel, Text } from '../parts/panel.tsx';
import { curlOf } from '../parts/snippets.ts';
import { layOut } from '../waterfall/layout.ts';
import { WaterfallView } from '../waterfall/waterfall.tsx';

export default function RequestPage() {
  const { params } = useRoute();
  const id = params.id ?? '';
  const [everyMs, setEvery] = useState<number | undefined>(1_000);
  const found = useQuery<RequestDetail>(
    `/requests/${encodeURIComponent(id)}`,
    {},
    everyMs === undefined ? {} : { everyMs },
  );
  const isOpen = found.data === undefined || isRunning(found.data);
  useEffect(() => setEvery(isOpen ? 1_000 : undefined), [isOpen]);
  return (
    <Page title="Request" more={found.data === undefined ? null : <Actions request={found.data} />}>
      <Loaded of={found}>{(request) => <Request request={request} />}</Loaded>
    </Page>
  );
}

function isRunning({ status, finished_at: end }: RequestDetail): boolean {
  return ['queued', 'running', 'cancelling'].includes(status) || end === null;
}

function Request({ request }: { request: RequestDetail }) {
  const keys = useQuery<{ data: ApiKey[] }>('/keys').data?.data ?? [];
  const { totalMs } = layOut(request, Date.now());
  const answered = request.attempts.find(({ outcome }) => outcome === 'ok');
  const first =
    answered?.first_byte_ms == null
      ? null
      : answered.started_at_ms + answered.first_byte_ms - (request.timeline[0]?.started_at_ms ?? 0);
  return (
    <>
      <div class="grid figures">
        <Figure
          label="State"
          value={<Outcome code={request.error?.code ?? request.status} />}
          more={time(request.created_at)}
        />
        <Figure
          label="Model"
          value={<span style={{ fontSize: '1.05rem', overflowWrap: 'anywhere' }}>{request.model}</span>}
          more={request.provider === null ? 'nobody answered' : `answered by ${request.provider}`}
        />
        <Figure
          label="Took"
          value={duration(totalMs)}
          more={first === null ? 'no first byte' : `first byte after ${duration(first)}`}
        />
        <Figure
          label="Tokens"
          value={count(request.usage.output_tokens)}
          more={`out of ${count(request.usage.input_tokens)} in`}
        />
        <Figure label="Cost" value={usd(request.usage.cost ?? 0)} more={`charged ${usd(request.cost)}`} />
      </div>
      {request.error == null ? null : (
        <div class="notice bad" role="status">
          <b>{request.error.code}</b> {request.error.message ?? request.dead_letter?.message ?? ''}
        </div>
      )}
      <Panel title="Where its time went">
        <WaterfallView request={request} nowMs={Date.now()} />
      </Panel>
      <div class="grid" style={{ '--min': '24rem' }}>
        <Panel title="Cost by attempt" isFlush>
          <Costs attempts={request.attempts} />
        </Panel>
        <Panel title="About">
          <About request={request} keyName={keys.find(({ id }) => id === request.key_id)?.name ?? request.key_id} />
        </Panel>
      </div>
      <Answer request={request} />
    </>
  );
}

function Costs({ attempts }: { attempts: readonly Attempt[] }) {
  return (
    <div class="scroll" tabIndex={0}>
      <table class="plain">
        <thead>
          <tr>
            <th>Attempt</th>
            <th>Provider</th>
            <th>Outcome</th>
            <th class="end">Input</th>
            <th class="end">Cached</th>
            <th class="end">Output</th>
            <th class="end">Cost</th>
          </tr>
        </thead>
        <tbody>
          {attempts.map((attempt) => (
            <tr key={attempt.attempt}>
              <td>{attempt.attempt}</td>
              <td>{attempt.provider}</td>
              <td>
                <Outcome code={attempt.outcome} />
              </td>
              <td class="end">{count(attempt.usage.input_tokens)}</td>
              <td class="end">{count(attempt.usage.cached_input_tokens)}</td>
              <td class="end">{count(attempt.usage.output_tokens)}</td>
              <td class="end">{usd(attempt.cost)}</td>
            </tr>
          ))}
          {attempts.length === 0 ? (
            <tr>
              <td colSpan={7} class="muted">
                No provider was called.
              </td>
            </tr>
          ) : null}
        </tbody>
      </table>
    </div>
  );
}

function About({ request, keyName }: { request: RequestDetail; keyName: string }) {
  const { plan } = request;
  return (
    <dl class="pairs">
      <dt>Id</dt>
      <dd class="mono">{request.id}</dd>
      <dt>Key</dt>
      <dd>{keyName}</dd>
      <dt>Protocol</dt>
      <dd>
        {request.protocol}, {request.lane} lane, {request.stream ? 'streamed' : 'whole'}
      </dd>
      {plan === null ? null : (
        <>
          <dt>Plan</dt>
          <dd>{plan.map(({ deployment }) => deployment).join(' → ')}</dd>
        </>
      )}
      {request.deadline_at === null ? null : (
        <>
          <dt>Deadline</dt>
          <dd>{time(request.deadline_at)}</dd>
        </>
      )}
      {request.estimated_tokens === null ? null : (
        <>
          <dt>Reserved</dt>
          <dd class="number">
            {count(request.estimated_tokens.input)} tokens in, {count(request.estimated_tokens.output)} out
          </dd>
        </>
      )}
      <dt>Frames kept</dt>
      <dd class="number">{count(request.frames)}</dd>
      {request.replay_of === undefined ? null : (
        <>
          <dt>Replay of</dt>
          <dd>
            <a class="mono" href={`/console/requests/${request.replay_of}`}>
              {request.replay_of}
            </a>
          </dd>
        </>
      )}
      {(request.replayed_as ?? []).map((id) => (
        <>
          <dt>Replayed as</dt>
          <dd>
            <a class="mono" href={`/console/requests/${id}`}>
              {id}
            </a>
          </dd>
        </>
      ))}
    </dl>
  );
}

function Answer({ request: { answer } }: { request: RequestDetail }) {
  if (answer == null) return null;
  const text = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body, null, 2);
  return (
    <Panel title={`Answer, as it was sent (${answer.status})`} more={<CopyButton text={() => text} />}>
      <pre class="text" tabIndex={0}>
        {text}
      </pre>
    </Panel>
  );
}

function Actions({ request }: { request: RequestDetail }) {
  const [isReplaying, setReplaying] = useState(false);
  const canReplay = request.dead_letter !== null && request.dead_letter.body !== 'none';
  return (
    <>
      {isRunning(request) && request.finished_at === null ? (
        <Action
          kind="danger"
          done="It is being cancelled."
          run={async () => {
            await post(`/requests/${request.id}/cancel`);
            refresh('/requests/');
          }}
        >
          Cancel
        </Action>
      ) : null}
      {canReplay ? (
        <button type="button" class="button" onClick={() => setReplaying(true)}>
          Replay …
        </button>
      ) : null}
      <a class="button" href={`/console/playground?model=${encodeURIComponent(request.model)}&key=${request.key_id}`}>
        Playground
      </a>
      <CopyButton text={() => curlOf(request.protocol, request.model)}>Copy as curl</CopyButton>
      {isReplaying ? <ReplayDialog id={request.id} onClose={() => setReplaying(false)} /> : null}
    </>
  );
}

export function ReplayDialog({ id, onClose }: { id: string; onClose: () => void }) {
  const [model, setModel] = useState('');
  const [vendor, setVendor] = useState('');
  const replay = async () => {
    const change = { ...(model === '' ? {} : { model }), ...(vendor === '' ? {} : { vendor }) };
    const { request_id: newId } = await post<{ request_id: string }>(`/dead-letters/${id}/replay`, change);
    refresh('/requests', '/dead-letters');
    tell(`Replayed as ${newId}.`);
    onClose();
  };
  return (
    <Dialog title="Replay this request" submit="Replay" onSubmit={replay} onClose={onClose}>
      <p class="muted">A new request in its place, for the same key. What is left empty stays as the client asked.</p>
      <Text label="Another model" value={model} onChange={setModel} />
      <Text label="At this provider only" value={vendor} onChange={setVendor} />
    </Dialog>
  );
}
