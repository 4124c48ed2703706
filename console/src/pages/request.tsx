// One request: waterfall, cost, answer, actions.

import { useState } from 'preact/hooks';
import { useRoute } from 'preact-iso';
import { post } from '../api/client.ts';
import { refresh, useQuery } from '../api/query.ts';
import { isRunning, untilFinal } from '../api/request.ts';
import type { ApiKey, RequestDetail } from '../api/types.ts';
import { Action, Button } from '../parts/actions.tsx';
import { serverNow } from '../parts/clock.ts';
import { count, duration, time, usd, words } from '../parts/format.ts';
import { CopyButton, Empty, Figure, Loaded, Outcome, Page, Panel, RequestLink } from '../parts/panel.tsx';
import { curlOf } from '../parts/snippets.ts';
import { type Pair, Pairs, Table } from '../parts/table.tsx';
import { useSamples } from '../waterfall/growth.ts';
import { layOut } from '../waterfall/layout.ts';
import { WaterfallView } from '../waterfall/waterfall.tsx';
import { canReplay, Elsewhere, ReplayDialog, Replays } from '../waterfall/what-if.tsx';

export default function RequestPage() {
  const { params } = useRoute();
  const id = params.id ?? '';
  const found = useQuery<RequestDetail>(`/requests/${encodeURIComponent(id)}`, {}, { everyMs: untilFinal });
  return (
    <Page title="Request" more={found.data === undefined ? null : <Actions request={found.data} />}>
      <Loaded of={found}>{(request) => <Request request={request} />}</Loaded>
    </Page>
  );
}

function Request({ request }: { request: RequestDetail }) {
  const keys = useQuery<{ data: ApiKey[] }>('/keys').data?.data ?? [];
  const samples = useSamples(request);
  const { totalMs } = layOut(request, serverNow());
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
          more={request.provider === null ? 'not answered' : `answered by ${request.provider}`}
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
      <Panel title="Timeline">
        <WaterfallView request={request} nowMs={serverNow()} samples={samples} />
      </Panel>
      <div class="grid" style={{ '--min': '24rem' }}>
        <Panel title="Cost by part" isFlush>
          <Costs request={request} />
        </Panel>
        <Panel title="About">
          <About request={request} keyName={keys.find(({ id }) => id === request.key_id)?.name ?? request.key_id} />
        </Panel>
      </div>
      <Elsewhere request={request} />
      <Replays request={request} />
      <Body title="Request, as the client sent it" text={request.request_body} />
      <Answer request={request} />
    </>
  );
}

function Costs({ request: { attempts, cost_parts: costs } }: { request: RequestDetail }) {
  if (attempts.length === 0) return <Empty>No provider was called.</Empty>;
  return (
    <Table label="Cost by part" heads={['Attempt', 'Part', ['Tokens', 'end'], ['Cost', 'end']]}>
      {attempts.flatMap((attempt) => {
        const parts = costs.find((one) => one.attempt === attempt.attempt)?.parts ?? [];
        return [
          <tr key={attempt.attempt}>
            <td class="name">
              <b>{attempt.attempt}</b> {attempt.provider}
            </td>
            <td>
              <Outcome code={attempt.outcome} />
            </td>
            <td class="end">{count(attempt.usage.input_tokens + attempt.usage.output_tokens)}</td>
            <td class="end">
              <b>{usd(attempt.cost)}</b>
            </td>
          </tr>,
          ...parts.map(({ part, count: used, cost_usd: own }) => (
            <tr key={`${attempt.attempt} ${part}`}>
              <td />
              <td class="muted">{part === 'other' ? 'not at current prices' : words(part)}</td>
              <td class="end">{part === 'other' ? '' : count(used)}</td>
              <td class="end">{usd(own)}</td>
            </tr>
          )),
        ];
      })}
    </Table>
  );
}

function About({ request, keyName }: { request: RequestDetail; keyName: string }) {
  const { plan, estimated_tokens: reserved, deadline_at: deadline, replay_of: replayOf } = request;
  const pairs: Pair[] = [
    [
      'Id',
      <span key="id" class="mono">
        {request.id}
      </span>,
    ],
    ['Key', keyName],
    ['Protocol', `${request.protocol}, ${request.lane} lane, ${request.stream ? 'streamed' : 'whole'}`],
  ];
  if (plan !== null) pairs.push(['Plan', plan.map(({ deployment }) => deployment).join(' → ')]);
  if (deadline !== null) pairs.push(['Deadline', time(deadline)]);
  if (reserved !== null) pairs.push(['Reserved', `${count(reserved.input)} tokens in, ${count(reserved.output)} out`]);
  const sent = request.timeline.reduce((sum, { frames = 0 }) => sum + frames, 0);
  pairs.push(['Frames', `${count(sent)} sent, ${count(request.frames)} kept`]);
  if (replayOf !== undefined) pairs.push(['Replay of', <RequestLink key="of" id={replayOf} />]);
  return <Pairs of={pairs} />;
}

function Body({ title, text }: { title: string; text: string | null }) {
  if (text === null) return null;
  return (
    <Panel title={title} more={<CopyButton text={() => text} />}>
      <pre class="text" tabIndex={0}>
        {readable(text)}
      </pre>
    </Panel>
  );
}

function readable(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function Answer({ request: { answer } }: { request: RequestDetail }) {
  if (answer == null) return null;
  const text = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body, null, 2);
  return <Body title={`Answer, as it was sent (${answer.status})`} text={text} />;
}

function Actions({ request }: { request: RequestDetail }) {
  const [isReplaying, setReplaying] = useState(false);
  return (
    <>
      {isRunning(request) ? (
        <Action
          kind="danger"
          needs="operator"
          done="The request is being cancelled."
          run={async () => {
            await post(`/requests/${request.id}/cancel`);
            refresh('/requests/');
          }}
        >
          Cancel
        </Action>
      ) : null}
      {canReplay(request) ? (
        <Button needs="operator" onClick={() => setReplaying(true)}>
          Replay …
        </Button>
      ) : null}
      <a class="button" href={`/console/playground?model=${encodeURIComponent(request.model)}&key=${request.key_id}`}>
        Playground
      </a>
      <CopyButton text={() => curlOf(request.protocol, request.model)}>Copy as curl</CopyButton>
      {isReplaying ? <ReplayDialog id={request.id} onClose={() => setReplaying(false)} /> : null}
    </>
  );
}
