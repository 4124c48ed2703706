// Admin keys with roles: create, show once, revoke. For owners.
import { useState } from 'preact/hooks';
import { SecretDialog } from '../accounts/dialogs.tsx';
import { call, may, post, type Role } from '../api/client.ts';
import { refresh, useQuery } from '../api/query.ts';
import type { AdminKey } from '../api/types.ts';
import { Dialog } from '../parts/actions.tsx';
import { time } from '../parts/format.ts';
import { Badge, Empty, Loaded, Page, Panel, Select, Text } from '../parts/panel.tsx';
import { Table } from '../parts/table.tsx';

const ROLES = [
  ['read-only', 'read-only: can view everything'],
  ['operator', 'operator: can also make changes'],
  ['owner', 'owner: can also manage admin keys'],
] as const;

type Asking = { kind: 'new' } | { kind: 'secret'; secret: string } | { kind: 'revoke'; key: AdminKey };

export default function OperatorsPage() {
  if (!may('owner'))
    return (
      <Page title="Operators">
        <Panel>
          <Empty>Only owners can view and create admin keys.</Empty>
        </Panel>
      </Page>
    );
  return <AdminKeys />;
}

function AdminKeys() {
  const [asking, setAsking] = useState<Asking | null>(null);
  const keys = useQuery<{ data: AdminKey[] }>('/admin-keys');
  const close = () => setAsking(null);
  const more = (
    <button type="button" class="button main" onClick={() => setAsking({ kind: 'new' })}>
      New admin key …
    </button>
  );
  return (
    <Page title="Operators" more={more}>
      <Panel isFlush>
        <Loaded of={keys}>
          {({ data }) => (
            <Table
              label="Admin keys"
              heads={['Name', 'Key', 'Role', 'Made', ['', 'end']]}
              empty="There is no admin key besides SLUICE_ADMIN_KEY. Create one for each person or script, with the role that it needs."
            >
              {data.map((key) => (
                <Row key={key.id} of={key} onRevoke={() => setAsking({ kind: 'revoke', key })} />
              ))}
            </Table>
          )}
        </Loaded>
      </Panel>
      {asking?.kind === 'new' ? (
        <NewKey onClose={close} onMade={(secret) => setAsking({ kind: 'secret', secret })} />
      ) : null}
      {asking?.kind === 'secret' ? (
        <SecretDialog title="The new admin key" secret={asking.secret} onClose={close} />
      ) : null}
      {asking?.kind === 'revoke' ? <Revoke of={asking.key} onClose={close} /> : null}
    </Page>
  );
}

function Row({ of: key, onRevoke }: { of: AdminKey; onRevoke: () => void }) {
  return (
    <tr>
      <td class="name">
        <b>{key.name}</b>
        <div class="muted mono">{key.id}</div>
      </td>
      <td class="mono">{key.hint}</td>
      <td>{key.role}</td>
      <td>{time(key.created_at)}</td>
      <td class="end">
        {key.revoked_at === null ? (
          <button type="button" class="button small danger" onClick={onRevoke}>
            Revoke …
          </button>
        ) : (
          <Badge tone="bad">revoked</Badge>
        )}
      </td>
    </tr>
  );
}

function NewKey({ onClose, onMade }: { onClose: () => void; onMade: (secret: string) => void }) {
  const [name, setName] = useState('');
  const [role, setRole] = useState<string>('read-only' satisfies Role);
  const save = async () => {
    const { key } = await post<{ key: string }>('/admin-keys', { name, role });
    refresh('/admin-keys');
    onMade(key);
  };
  return (
    <Dialog title="New admin key" submit="Create" onSubmit={save} onClose={onClose}>
      <Text label="Name" value={name} onChange={setName} required maxLength={200} />
      <Select label="Role" value={role} onChange={setRole} choices={ROLES} />
    </Dialog>
  );
}

function Revoke({ of: { id, name }, onClose }: { of: AdminKey; onClose: () => void }) {
  const revoke = async () => {
    await call('DELETE', `/admin-keys/${id}`);
    refresh('/admin-keys');
    onClose();
  };
  return (
    <Dialog title={`Revoke ${name}?`} submit="Revoke" isDanger onSubmit={revoke} onClose={onClose}>
      <p>Its calls and sessions are refused from now on. This cannot be undone.</p>
    </Dialog>
  );
}
