// What-if: the same tokens at the prices of other deployments, a replay with another model or provider, and a comparison of the
// replay with the request.

import { useState } from 'preact/hooks';
import { post } from '../api/client.ts';
import { refresh, useQuery } from '../api/query.ts';
import { untilFinal } from '../api/request.ts';
import type { Provider, RequestDetail } from '../api/types.ts';
import { Button, Dialog, tell } from '../parts/actions.tsx';
import { serverNow } from '../parts/clock.ts';
import { count, duration, isFailed, percent, usd } from '../parts/format.ts';
import { Badge, Outcome, Panel, RequestLink, Select, Text } from '../parts/panel.tsx';
import { Table } from '../parts/table.tsx';
import { layOut } from './layout.ts';

/** Whether its body was kept: only dead letters have one. */
export function canReplay({ dead_letter: letter }: RequestDetail): boolean {
  return letter !== null && letter.body !== 'none';
}

/** Cost of the same tokens at every other deployment, with the difference. */
export function Elsewhere({ request }: { request: RequestDetail }) {
  const [there, setThere] = useState<{ model: string; vendor: string } | null>(null);
  const providers = useQuery<{ data: Provider[] }>('/providers').data?.data ?? [];
  const offers = offersFor(request, providers);
  if (offers.length === 0) return null;
  return (
    <Panel title="Cost and speed at other deployments" isFlush>
      <Table
        label="Cost and speed at other deployments"
        heads={[
          'Deployment',
          'Serves',
          ['Same tokens', 'end'],
          ['Difference', 'end'],
          ['Failed, last hour', 'end'],
          '',
        ]}
      >
        {offers.map(({ id, provider, model, cost, change, failed, isSame }) => (
          <tr key={id}>
            <td class="name">
              {id} {isSame ? <Badge tone="accent">answered</Badge> : null}
            </td>
            <td class="name">{model}</td>
            <td class="end">{usd(cost)}</td>
            <td class="end">{change === null ? '–' : `${change > 0 ? '+' : ''}${(change * 100).toFixed(0)} %`}</td>
            <td class="end">{failed === null ? 'no calls' : percent(failed)}</td>
            <td class="end">
              {canReplay(request) ? (
                <Button isSmall needs="operator" onClick={() => setThere({ model, vendor: provider })}>
                  Replay there …
                </Button>
              ) : null}
            </td>
          </tr>
        ))}
      </Table>
      {there === null ? null : (
        <ReplayDialog id={request.id} model={there.model} vendor={there.vendor} onClose={() => setThere(null)} />
      )}
    </Panel>
  );
}

const MAX_OFFERS = 12;
const PER_MILLION = 1_000_000;

/** Deployments of the requested model first, then by price. */
function offersFor(request: RequestDetail, providers: readonly Provider[]) {
  const attempt = request.attempts.find(({ outcome }) => outcome === 'ok') ?? request.attempts.at(-1);
  if (attempt === undefined || attempt.usage.input_tokens + attempt.usage.output_tokens === 0) return [];
  const { input_tokens: input, cached_input_tokens: cached, output_tokens: output } = attempt.usage;
  return providers
    .flatMap(({ name, deployments }) => deployments.map((deployment) => ({ provider: name, ...deployment })))
    .flatMap(({ provider, id, model: upstream, models, price, last_hour: hour }) => {
      if (price === null || models.length === 0) return [];
      const [fresh, rest] = [(input - cached) * Number(price.input), cached * Number(price.cached_input)];
      const cost = (fresh + rest + output * Number(price.output)) / PER_MILLION;
      const calls = hour.reduce((sum, { attempts }) => sum + attempts, 0);
      const good = hour.reduce((sum, { attempts, outcome }) => sum + (isFailed(outcome) ? 0 : attempts), 0);
      return {
        id,
        provider,
        model: models.includes(request.model) ? request.model : models[0]!,
        cost,
        change: attempt.cost === 0 ? null : cost / attempt.cost - 1,
        failed: calls === 0 ? null : 1 - good / calls,
        isSame: provider === attempt.provider && upstream === attempt.model,
        isAsked: models.includes(request.model),
      };
    })
    .sort((a, b) => Number(b.isAsked) - Number(a.isAsked) || a.cost - b.cost)
    .slice(0, MAX_OFFERS);
}

const MAX_COMPARED = 5;

/** The request and its replay side by side. */
export function Replays({ request }: { request: RequestDetail }) {
  const ids = (request.replayed_as ?? []).slice(0, MAX_COMPARED);
  if (ids.length === 0) return null;
  return (
    <Panel title="Comparison with replays" isFlush>
      <Table
        label="Comparison with replays"
        heads={['Request', 'Outcome', 'Model', 'Provider', ['Took', 'end'], ['Output', 'end'], ['Cost', 'end']]}
      >
        {[<ComparedRow key={request.id} request={request} />, ...ids.map((id) => <ReplayRow key={id} id={id} />)]}
      </Table>
    </Panel>
  );
}

function ReplayRow({ id }: { id: string }) {
  const { data } = useQuery<RequestDetail>(`/requests/${id}`, {}, { everyMs: untilFinal });
  return data === undefined ? null : <ComparedRow request={data} />;
}

function ComparedRow({ request }: { request: RequestDetail }) {
  return (
    <tr>
      <td>
        <RequestLink id={request.id} />
      </td>
      <td>
        <Outcome code={request.error?.code ?? request.status} />
      </td>
      <td class="name">{request.model}</td>
      <td class="name">{request.provider ?? '–'}</td>
      <td class="end">{duration(layOut(request, serverNow()).totalMs)}</td>
      <td class="end">{count(request.usage.output_tokens)}</td>
      <td class="end">{usd(request.usage.cost)}</td>
    </tr>
  );
}

interface ReplayProps {
  id: string;
  model?: string;
  vendor?: string;
  onClose: () => void;
}

export function ReplayDialog({ id, onClose, ...given }: ReplayProps) {
  const [model, setModel] = useState(given.model ?? '');
  const [vendor, setVendor] = useState(given.vendor ?? '');
  const providers = useQuery<{ data: Provider[] }>('/providers').data?.data ?? [];
  const names = new Set(providers.flatMap(({ deployments }) => deployments.flatMap(({ models }) => models)));
  const replay = async () => {
    const change = { ...(model === '' ? {} : { model }), ...(vendor === '' ? {} : { vendor }) };
    const { request_id: newId } = await post<{ request_id: string }>(`/dead-letters/${id}/replay`, change);
    refresh('/requests', '/dead-letters');
    tell(`Replayed as ${newId}.`);
    onClose();
  };
  return (
    <Dialog title="Replay this request" submit="Replay" onSubmit={replay} onClose={onClose}>
      <p class="muted">Sends a new request for the same key. Empty fields stay as in the original request.</p>
      <Text label="Another model" value={model} onChange={setModel} list="replay-models" />
      <datalist id="replay-models">
        {[...names].map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      <Select
        label="Only this provider"
        value={vendor}
        onChange={setVendor}
        choices={[['', 'any in the plan'], ...providers.map(({ name }) => [name, name] as const)]}
      />
    </Dialog>
  );
}
