// Budgets with forecasts, calls whose cost is uncertain, and ledger messages that SQL rejected.
import { useState } from 'preact/hooks';
import { call, post } from '../api/client.ts';
import { refresh, useQuery } from '../api/query.ts';
import type { Budget, Page as FoundPage, Reject, UsageRow } from '../api/types.ts';
import { Action, Button, Dialog } from '../parts/actions.tsx';
import { count, time, usd, words } from '../parts/format.ts';
import { Badge, Bar, CopyButton, Loaded, Panel } from '../parts/panel.tsx';
import { Table } from '../parts/table.tsx';

export function Budgets() {
  const budgets = useQuery<{ data: Budget[] }>('/budgets', {}, { everyMs: 10_000 });
  return (
    <Panel title="Budgets" isFlush>
      <Loaded of={budgets}>
        {({ data }) => (
          <Table
            label="Budgets"
            heads={['Of', 'Period', 'Used', ['Spent', 'end'], ['Budget', 'end'], ['Forecast', 'end']]}
            empty="There are no budgets. Set one for a key in Keys, or for a project or an organisation in Accounts."
          >
            {data.map((budget) => (
              <BudgetRow key={`${budget.id} ${budget.period}`} budget={budget} />
            ))}
          </Table>
        )}
      </Loaded>
    </Panel>
  );
}

function BudgetRow({ budget }: { budget: Budget }) {
  const [spent, limit] = [Number(budget.spent_usd), Number(budget.budget_usd)];
  const forecast = budget.forecast_usd === null ? null : Number(budget.forecast_usd);
  return (
    <tr>
      <td class="name">
        {budget.name} <span class="muted">{budget.kind}</span>
      </td>
      <td>{words(budget.period)}</td>
      <td style={{ minWidth: '8rem' }}>
        <Bar part={limit === 0 ? 1 : spent / limit} label={`Budget of ${budget.name}`} />
      </td>
      <td class="end">{usd(spent)}</td>
      <td class="end">{usd(limit)}</td>
      <td class="end">
        {forecast === null ? '–' : forecast > limit ? <Badge tone="bad">{usd(forecast)}</Badge> : usd(forecast)}
      </td>
    </tr>
  );
}

/** Calls without usage from the provider, or whose end was not seen: their cost is an estimate. */
export function Uncertain({ from, to }: { from: string; to: string }) {
  const usage = useQuery<{ data: UsageRow[] }>('/usage', { group_by: 'settlement,provider,status', from, to });
  const rows = (usage.data?.data ?? [])
    .filter(({ settlement }) => settlement === 'estimated' || settlement === 'unsettled')
    .sort((a, b) => Number(b.cost_usd) - Number(a.cost_usd));
  if (rows.length === 0) return null;
  return (
    <Panel title="Uncertain costs" isFlush>
      <Table
        label="Uncertain costs"
        heads={['What', 'Provider', 'Outcome', ['Attempts', 'end'], ['Tokens', 'end'], ['Recorded', 'end']]}
      >
        {rows.map(({ settlement = '', provider = '', status = '', attempts, cost_usd: cost, ...row }) => (
          <tr key={`${settlement} ${provider} ${status}`}>
            <td>
              <Badge tone="warn" title={SETTLEMENTS[settlement] ?? settlement}>
                {settlement}
              </Badge>
            </td>
            <td class="name">{provider}</td>
            <td>{words(status)}</td>
            <td class="end">{count(attempts)}</td>
            <td class="end">{count(row.input_tokens + row.output_tokens)}</td>
            <td class="end">{usd(cost)}</td>
          </tr>
        ))}
      </Table>
    </Panel>
  );
}

const SETTLEMENTS: Record<string, string> = {
  estimated: 'The provider sent no usage; Sluice counted the tokens.',
  unsettled: 'The end of the call is not known; the estimate made before it is recorded.',
};

export function Rejects() {
  const rejects = useQuery<FoundPage<Reject>>('/ledger/rejects', { limit: 50 }, { everyMs: 30_000 });
  const [shown, show] = useState<Reject | null>(null);
  const data = rejects.data?.data ?? [];
  if (data.length === 0) return null;
  const act = async (acting: Promise<unknown>) => {
    await acting;
    refresh('/ledger');
  };
  return (
    <Panel
      title="Refused ledger entries"
      more={
        <Action isSmall needs="operator" run={() => act(post('/ledger/rejects/replay', {}))}>
          Retry all
        </Action>
      }
      isFlush
    >
      <Table label="Refused ledger entries" heads={['When', 'Request', 'Part', 'Reason', '']}>
        {data.map((reject) => (
          <tr key={reject.id}>
            <td>{time(reject.rejected_at)}</td>
            <td class="mono">{reject.request_id ?? '–'}</td>
            <td>{reject.part}</td>
            <td class="name">{reject.reason}</td>
            <td class="end">
              <Button isSmall needs="operator" onClick={() => show(reject)}>
                View …
              </Button>{' '}
              <Action isSmall needs="operator" run={() => act(post(`/ledger/rejects/${reject.id}/replay`))}>
                Retry
              </Action>{' '}
              <Action
                isSmall
                needs="operator"
                kind="danger"
                run={() => act(call('DELETE', `/ledger/rejects/${reject.id}`))}
              >
                Delete
              </Action>
            </td>
          </tr>
        ))}
      </Table>
      {shown === null ? null : <RejectDialog reject={shown} onClose={() => show(null)} />}
    </Panel>
  );
}

function RejectDialog({ reject, onClose }: { reject: Reject; onClose: () => void }) {
  const found = useQuery<Reject & { message: unknown }>(`/ledger/rejects/${reject.id}`);
  return (
    <Dialog title="Refused by the database" onClose={onClose}>
      <p>{reject.reason}</p>
      <Loaded of={found}>
        {({ message }) => {
          const text = typeof message === 'string' ? message : JSON.stringify(message, null, 2);
          return (
            <>
              <pre class="text" tabIndex={0}>
                {text}
              </pre>
              <div>
                <CopyButton text={() => text} />
              </div>
            </>
          );
        }}
      </Loaded>
    </Dialog>
  );
}
