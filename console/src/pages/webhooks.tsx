// Webhook receivers and their deliveries.
import { useState } from 'preact/hooks';
import { SecretDialog } from '../accounts/dialogs.tsx';
import { call, post } from '../api/client.ts';
import { refresh, useQuery } from '../api/query.ts';
import type { WebhookDelivery, WebhookEndpoint } from '../api/types.ts';
import { Action, Button, Dialog } from '../parts/actions.tsx';
import { time } from '../parts/format.ts';
import { Badge, Loaded, Page, Panel, Select, Text, type Tone } from '../parts/panel.tsx';
import { Table } from '../parts/table.tsx';

export default function WebhooksPage() {
  const [isAsking, setAsking] = useState(false);
  const [secret, setSecret] = useState<string | null>(null);
  const endpoints = useQuery<{ data: WebhookEndpoint[] }>('/webhooks');
  const more = (
    <Button kind="main" needs="operator" onClick={() => setAsking(true)}>
      New receiver …
    </Button>
  );
  return (
    <Page title="Webhooks" more={more} changesNeed="operator">
      <Panel title="Receivers" isFlush>
        <Loaded of={endpoints}>{({ data }) => <Endpoints endpoints={data} />}</Loaded>
      </Panel>
      <Deliveries />
      {isAsking ? (
        <NewEndpoint
          onClose={() => setAsking(false)}
          onMade={(made) => {
            setAsking(false);
            setSecret(made);
          }}
        />
      ) : null}
      {secret === null ? null : (
        <SecretDialog title="The receiver’s secret" secret={secret} onClose={() => setSecret(null)}>
          The receiver needs it to verify signatures.
        </SecretDialog>
      )}
    </Page>
  );
}

function Endpoints({ endpoints }: { endpoints: readonly WebhookEndpoint[] }) {
  return (
    <Table
      label="Receivers"
      heads={['Address', 'Events', 'State', '']}
      empty="There are no receivers. Add one to get events of batches, and alerts if you choose them."
    >
      {endpoints.map((endpoint) => (
        <EndpointRow key={endpoint.id} endpoint={endpoint} />
      ))}
    </Table>
  );
}

function EndpointRow({ endpoint }: { endpoint: WebhookEndpoint }) {
  const { id, url, events, origin, disabled_at: disabledAt, disabled_reason: why } = endpoint;
  const act = async (acting: Promise<unknown>) => {
    await acting;
    refresh('/webhooks');
  };
  return (
    <tr>
      <td class="name">
        {url}
        <div class="muted mono">{id}</div>
      </td>
      <td>{events.join(', ')}</td>
      <td>
        {disabledAt === null ? (
          <Badge tone="good">on</Badge>
        ) : (
          <>
            <Badge tone="bad">off</Badge> <span class="muted">{why}</span>
          </>
        )}
      </td>
      <td class="end">
        {disabledAt === null ? null : (
          <Action isSmall needs="operator" run={() => act(post(`/webhooks/${id}/enable`))}>
            Enable
          </Action>
        )}{' '}
        {origin === 'config' ? (
          <Badge>from the configuration</Badge>
        ) : (
          <Action isSmall needs="operator" kind="danger" run={() => act(call('DELETE', `/webhooks/${id}`))}>
            Remove
          </Action>
        )}
      </td>
    </tr>
  );
}

const STATES: Record<WebhookDelivery['state'], Tone> = { pending: 'accent', delivered: 'good', failed: 'bad' };

function Deliveries() {
  const [state, setState] = useState('');
  const deliveries = useQuery<{ data: WebhookDelivery[] }>('/webhooks/deliveries', { state }, { everyMs: 5_000 });
  const filter = (
    <Select
      label="State"
      value={state}
      onChange={setState}
      choices={[
        ['', 'any'],
        ['pending', 'pending'],
        ['delivered', 'delivered'],
        ['failed', 'failed'],
      ]}
    />
  );
  return (
    <Panel title="Deliveries" more={filter} isFlush>
      <Loaded of={deliveries}>
        {({ data }) => (
          <Table
            label="Deliveries"
            heads={['Made', 'Event', 'State', ['Attempts', 'end'], 'Last response', '']}
            empty="No event has been delivered yet."
          >
            {data.map((delivery) => (
              <DeliveryRow key={delivery.id} delivery={delivery} />
            ))}
          </Table>
        )}
      </Loaded>
    </Panel>
  );
}

function DeliveryRow({ delivery }: { delivery: WebhookDelivery }) {
  const again = async () => {
    await post(`/webhooks/deliveries/${delivery.id}/replay`);
    refresh('/webhooks/deliveries');
  };
  return (
    <tr>
      <td class="number">{time(delivery.created_at)}</td>
      <td>
        {delivery.type}
        <div class="muted mono">{delivery.event_id}</div>
      </td>
      <td>
        <Badge tone={STATES[delivery.state]}>{delivery.state}</Badge>
      </td>
      <td class="end">{delivery.attempts}</td>
      <td class="name">
        {delivery.last_status ?? ''} {delivery.last_error ?? ''}
      </td>
      <td class="end">
        {delivery.state === 'pending' ? null : (
          <Action isSmall needs="operator" run={again}>
            Redeliver
          </Action>
        )}
      </td>
    </tr>
  );
}

function NewEndpoint({ onClose, onMade }: { onClose: () => void; onMade: (secret: string) => void }) {
  const [url, setUrl] = useState('');
  const [events, setEvents] = useState('');
  const make = async () => {
    const names = events
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '');
    const made = await post<WebhookEndpoint>('/webhooks', { url, ...(names.length === 0 ? {} : { events: names }) });
    refresh('/webhooks');
    onMade(made.secret ?? '');
  };
  return (
    <Dialog title="New receiver" submit="Add" onSubmit={make} onClose={onClose}>
      <Text label="Address" type="url" value={url} onChange={setUrl} required placeholder="https://…" />
      <Text
        label="Events, comma-separated (empty: batch.*; all events including alerts: *)"
        value={events}
        onChange={setEvents}
        placeholder="batch.completed, budget.*, credits.*, alert.resolved"
      />
    </Dialog>
  );
}
