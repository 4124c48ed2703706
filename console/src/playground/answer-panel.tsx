// The answer in the playground: its text, its bytes and headers, what it took and cost.
import { useState } from 'preact/hooks';
import type { RequestDetail } from '../api/types.ts';
import { count, duration, usd } from '../parts/format.ts';
import { Badge, Empty, Panel, RequestLink, Tabs } from '../parts/panel.tsx';
import { type Answer, NO_ANSWER } from './answer.ts';

export interface Run {
  isRunning: boolean;
  answer: Answer;
  status: number | null;
  headers: Record<string, string>;
  firstMs: number | null;
  tookMs: number | null;
  request: RequestDetail | null;
}

export const NO_RUN: Run = {
  isRunning: false,
  answer: NO_ANSWER,
  status: null,
  headers: {},
  firstMs: null,
  tookMs: null,
  request: null,
};

export function AnswerPanel({ run }: { run: Run }) {
  const [tab, setTab] = useState('answer');
  const { answer, status, headers, firstMs, tookMs, request, isRunning } = run;
  const isEmpty = status === null && answer.error === null;
  const dropped = headers['x-sluice-dropped'];
  const tabs = (
    <Tabs
      label="Views of the response"
      value={tab}
      onChange={setTab}
      choices={[
        ['answer', 'Answer'],
        ['raw', 'Raw'],
        ['headers', 'Headers'],
      ]}
    />
  );
  return (
    <Panel title="Answer" more={tabs}>
      <div class="form">
        {isEmpty ? (
          <Empty>
            {isRunning
              ? 'Waiting for the first byte …'
              : 'Press Send: the answer, its cost and a link to its waterfall appear here.'}
          </Empty>
        ) : null}
        {answer.error === null ? null : (
          <div class="notice bad" role="alert">
            {answer.error}
          </div>
        )}
        {dropped === undefined ? null : (
          <div class="notice warn">Left out, because the provider does not support it: {dropped}</div>
        )}
        {isEmpty ? null : <AnswerTab tab={tab} run={run} />}
        <div class="legend number" role="status">
          {isRunning ? <Badge tone="accent">running</Badge> : null}
          {status === null ? null : <span>status {status}</span>}
          {headers['x-sluice-provider'] === undefined ? null : <span>by {headers['x-sluice-provider']}</span>}
          {firstMs === null ? null : <span>first token {duration(firstMs)}</span>}
          {tookMs === null ? null : <span>total {duration(tookMs)}</span>}
          {request === null ? null : (
            <>
              <span>
                {count(request.usage.input_tokens)} + {count(request.usage.output_tokens)} tokens
              </span>
              <span>
                cost <b>{usd(request.usage.cost ?? 0)}</b>
              </span>
              <span>
                {request.attempts.length} attempt{request.attempts.length === 1 ? '' : 's'},{' '}
                <RequestLink id={request.id} />
              </span>
            </>
          )}
        </div>
      </div>
    </Panel>
  );
}

function AnswerTab({ tab, run: { answer, headers } }: { tab: string; run: Run }) {
  if (tab === 'raw') return <pre class="text">{answer.raw}</pre>;
  if (tab === 'headers')
    return (
      <pre class="text">
        {Object.entries(headers)
          .map(([name, value]) => `${name}: ${value}`)
          .join('\n')}
      </pre>
    );
  return (
    <>
      {answer.thoughts === '' ? null : (
        <details>
          <summary>Reasoning</summary>
          <div class="answer muted">{answer.thoughts}</div>
        </details>
      )}
      <div class="answer" data-testid="answer">
        {answer.text}
      </div>
      {answer.calls.map((call) => (
        <pre key={call} class="text">
          {call}
        </pre>
      ))}
    </>
  );
}
