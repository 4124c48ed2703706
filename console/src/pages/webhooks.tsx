// Receivers of events, and what became of their deliveries.
import { useState } from 'preact/hooks';
import { call, post } from '../api/client.ts';
import { refresh, useQuery } from '../api/query.ts';
import type { WebhookDelivery, WebhookEndpoint } from '../api/types.ts';
import { Action, Dialog } from '../parts/actions.tsx';
import { time } from '../parts/format.ts';
import { Badge, CopyButton, Empty, Loaded, Page, Panel, Select, Text, type Tone } from '../parts/panel.tsx';

export default function WebhooksPage() {
  const [isAsking, setAsking] = useState(false);
  const [secret, setSecret] = useState<string | null>(null);
  const endpoints = useQuery<{ data: WebhookEndpoint[] }>('/webhooks');
  const more = (
    <button type="button" class="button main" onClick={() => setAsking(true)}>
      New receiver …
    </button>
  );
  return (
    <Page title="Webhooks" more={more}>
      <Panel title="Receivers" isFlush>
        <Loaded of={endpoints}>
          {({ data }) =>
            data.length === 0 ? <Empty>Nobody is told of events.</Empty> : <Endpoints endpoints={data} />
          }
        </Loaded>
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
        <Dialog title="The receiver’s secret" onClose={() => setSecret(null)}>
          <p>With it the receiver checks signatures. It is shown this once.</p>
          <pre class="text">{secret}</pre>
          <div>
            <CopyButton text={() => secret} />
          </div>
        </Dialog>
      )}
    </Page>
  );
}

function Endpoints({ endpoints }: { endpoints: readonly WebhookEndpoint[] }) {
  return (
    <div class="scroll" tabIndex={0}>
      <table class="plain">
        <thead>
          <tr>
            <th>Address</th>
            <th>Events</th>
            <th>State</th>
            <th />
          </tr>
        </thead>
        <tbody>
          {endpoints.map((endpoint) => (
            <tr key={endpoint.id}>
              <td>
                {endpoint.url}
                <div class="muted mono">{endpoint.id}</div>
              </td>
              <td>{endpoint.events.join(', ')}</td>
              <td>
                {endpoint.disabled_at === null ? (
                  <Badge tone="good">on</Badge>
                ) : (
                  <>
                    <Badge tone="bad">off</Badge> <span class="muted">{endpoint.disabled_reason}</span>
                  </>
                )}
              </td>
              <td class="end">
                {endpoint.disabled_at === null ? null : (
                  <Action
                    isSmall
                    run={async () => {
                      await post(`/webhooks/${endpoint.id}/enable`);
                      refresh('/webhooks');
                    }}
                  >
                    Switch on
                  </Action>
                )}{' '}
                {endpoint.origin === 'config' ? (
                  <Badge>from the configuration</Badge>
                ) : (
                  <Action
                    isSmall
                    kind="danger"
                    run={async () => {
                      await call('DELETE', `/webhooks/${endpoint.id}`);
                      refresh('/webhooks');
                    }}
                  >
                    Remove
                  </Action>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
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
        {({ data }) =>
          data.length === 0 ? (
            <Empty>Nothing was delivered yet.</Empty>
          ) : (
            <div class="scroll" tabIndex={0}>
              <table class="plain">
                <thead>
                  <tr>
                    <th>Made</th>
                    <th>Event</th>
                    <th>State</th>
                    <th class="end">Attempts</th>
                    <th>Last answer</th>
                    <th />
                  </tr>
                </thead>
                <tbody>
                  {data.map((delivery) => (
                    <tr key={delivery.id}>
                      <td class="number">{time(delivery.created_at)}</td>
                      <td>
                        {delivery.type}
                        <div class="muted mono">{delivery.event_id}</div>
                      </td>
                      <td>
                        <Badge tone={STATES[delivery.state]}>{delivery.state}</Badge>
                      </td>
                      <td class="end">{delivery.attempts}</td>
                      <td>
                        {delivery.last_status ?? ''} {delivery.last_error ?? ''}
                      </td>
                      <td class="end">
                        {delivery.state === 'pending' ? null : (
                          <Action
                            isSmall
                            run={async () => {
                              await post(`/webhooks/deliveries/${delivery.id}/replay`);
                              refresh('/webhooks/deliveries');
                            }}
                          >
                            Deliver again
                          </Action>
                        )}
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )
        }
      </Loaded>
    </Panel>
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
        label="Events, with commas between them; empty: the usual ones"
        value={events}
        onChange={setEvents}
        placeholder="request.failed, batch.completed"
      />
    </Dialog>
  );
}
