// Client keys with their permissions and budgets: create, change, rotate, revoke.
import { useState } from 'preact/hooks';
import { BudgetsOf, LimitsOf, ModelsOf, StandingOf } from '../accounts/cells.tsx';
import { CreditsDialog, RevokeDialog, RotateDialog, SecretDialog } from '../accounts/dialogs.tsx';
import { SettingsDialog } from '../accounts/settings-dialog.tsx';
import { useQuery } from '../api/query.ts';
import type { Account, ApiKey, Budget } from '../api/types.ts';
import { Button } from '../parts/actions.tsx';
import { count, time } from '../parts/format.ts';
import { Check, Empty, Loaded, Page, Panel, Text } from '../parts/panel.tsx';
import { Table } from '../parts/table.tsx';

type Asking =
  | { kind: 'new' }
  | { kind: 'edit' | 'rotate' | 'credits' | 'revoke'; key: ApiKey }
  | { kind: 'secret'; secret: string; note?: string };

type Ask = (asking: Asking) => void;

export default function KeysPage() {
  const [asking, setAsking] = useState<Asking | null>(null);
  const [isWithRevoked, setWithRevoked] = useState(false);
  const [sought, seek] = useState('');
  const keys = useQuery<{ data: ApiKey[] }>('/keys');
  const accounts = useQuery<{ data: Account[] }>('/accounts').data?.data ?? [];
  const more = (
    <>
      <Text label="Find" value={sought} onChange={seek} placeholder="name, id, project" />
      <Check label="Include revoked" value={isWithRevoked} onChange={setWithRevoked} />
      <Button kind="main" needs="operator" onClick={() => setAsking({ kind: 'new' })}>
        New key …
      </Button>
    </>
  );
  return (
    <Page title="Keys" more={more} changesNeed="operator">
      <Panel isFlush>
        <Loaded of={keys}>
          {({ data }) => (
            <KeyTable
              keys={data.filter((key) => (isWithRevoked || key.revoked_at === null) && isLike(key, accounts, sought))}
              accounts={accounts}
              onAsk={setAsking}
            />
          )}
        </Loaded>
      </Panel>
      <Dialogs asking={asking} accounts={accounts} onAsk={setAsking} />
    </Page>
  );
}

function isLike({ id, name, hint, project }: ApiKey, accounts: readonly Account[], sought: string): boolean {
  const projectName = accounts.find((account) => account.id === project)?.name ?? '';
  const text = `${name} ${id} ${hint} ${project ?? ''} ${projectName}`.toLowerCase();
  return text.includes(sought.trim().toLowerCase());
}

interface DialogsProps {
  asking: Asking | null;
  accounts: readonly Account[];
  onAsk: (asking: Asking | null) => void;
}

function Dialogs({ asking, accounts, onAsk }: DialogsProps) {
  const close = () => onAsk(null);
  const onSecret = (secret: string, note?: string) =>
    onAsk({ kind: 'secret', secret, ...(note === undefined ? {} : { note }) });
  switch (asking?.kind) {
    case 'new':
      return (
        <SettingsDialog
          subject={{ level: 'key', of: null, under: null }}
          parents={accounts}
          onClose={close}
          onSecret={onSecret}
        />
      );
    case 'edit':
      return (
        <SettingsDialog
          subject={{ level: 'key', of: asking.key }}
          parents={accounts}
          onClose={close}
          onSecret={onSecret}
        />
      );
    case 'rotate':
      return <RotateDialog of={asking.key} onClose={close} onSecret={onSecret} />;
    case 'credits':
      return <CreditsDialog of={asking.key} onClose={close} />;
    case 'revoke':
      return <RevokeDialog of={asking.key} keysBelow={null} onClose={close} />;
    case 'secret':
      return (
        <SecretDialog title="The new key" secret={asking.secret} onClose={close}>
          {asking.note}
        </SecretDialog>
      );
    default:
      return null;
  }
}

/** Rows shown at first. */
const SHOWN = 200;

function KeyTable({ keys, accounts, onAsk }: { keys: readonly ApiKey[]; accounts: readonly Account[]; onAsk: Ask }) {
  const [isWhole, setWhole] = useState(false);
  const budgets = useQuery<{ data: Budget[] }>('/budgets', {}, { everyMs: 10_000 }).data?.data ?? [];
  const names = new Map(accounts.map(({ id, name }) => [id, name]));
  if (keys.length === 0) return <Empty>There is no such key. A new one lets a client send requests.</Empty>;
  return (
    <>
      <Table label="Keys" heads={['Name', 'Project', 'Models', 'Limits', 'Budgets', 'Made', '']}>
        {(isWhole ? keys : keys.slice(0, SHOWN)).map((key) => (
          <tr key={key.id}>
            <td class="name">
              <b>{key.name}</b> <StandingOf of={key} />
              <div class="muted mono">{key.hint}</div>
              <div class="muted mono">{key.id}</div>
            </td>
            <td class="name">
              {key.project === null ? <span class="muted">none</span> : (names.get(key.project) ?? key.project)}
            </td>
            <td>
              <ModelsOf of={key} />
            </td>
            <td class="number">
              <LimitsOf of={key} />
            </td>
            <td>
              <BudgetsOf of={key} budgets={budgets} />
            </td>
            <td>{time(key.created_at)}</td>
            <td>
              <Actions of={key} onAsk={onAsk} />
            </td>
          </tr>
        ))}
      </Table>
      {isWhole || keys.length <= SHOWN ? null : (
        <p class="empty">
          <Button onClick={() => setWhole(true)}>Show all {count(keys.length)}</Button>
        </p>
      )}
    </>
  );
}

function Actions({ of: key, onAsk }: { of: ApiKey; onAsk: Ask }) {
  const isValid = key.revoked_at === null;
  return (
    <div class="deeds">
      <a class="button small" href={`/console/requests?key=${key.id}`}>
        Requests
      </a>
      {key.credits === null ? null : (
        <Button isSmall onClick={() => onAsk({ kind: 'credits', key })}>
          Credits …
        </Button>
      )}
      {isValid ? (
        <>
          <Button isSmall needs="operator" onClick={() => onAsk({ kind: 'edit', key })}>
            Edit …
          </Button>
          <Button isSmall needs="operator" onClick={() => onAsk({ kind: 'rotate', key })}>
            Rotate …
          </Button>
          <Button isSmall kind="danger" needs="operator" onClick={() => onAsk({ kind: 'revoke', key })}>
            Revoke …
          </Button>
        </>
      ) : null}
    </div>
  );
}
