// Organisations, projects and keys as a tree: limits, budgets with usage, prepaid credits.
import { useState } from 'preact/hooks';
import { BudgetsOf, LimitsOf, ModelsOf, StandingOf } from '../accounts/cells.tsx';
import { CreditsDialog, RevokeDialog, SecretDialog } from '../accounts/dialogs.tsx';
import { SettingsDialog, type Subject } from '../accounts/settings-dialog.tsx';
import { keysBelow, type Line, linesOf } from '../accounts/tree.ts';
import { useQuery } from '../api/query.ts';
import type { Account, ApiKey, Budget } from '../api/types.ts';
import { Button } from '../parts/actions.tsx';
import { Check, Loaded, Page, Panel } from '../parts/panel.tsx';
import { Table } from '../parts/table.tsx';

type Asking =
  | { kind: 'settings'; subject: Subject }
  | { kind: 'credits' | 'revoke'; of: Account }
  | { kind: 'secret'; secret: string };

type Ask = (asking: Asking) => void;

export default function AccountsPage() {
  const [asking, setAsking] = useState<Asking | null>(null);
  const [isWithRevoked, setWithRevoked] = useState(false);
  const accounts = useQuery<{ data: Account[] }>('/accounts');
  const keys = useQuery<{ data: ApiKey[] }>('/keys').data?.data ?? [];
  const all = accounts.data?.data ?? [];
  const make = (level: 'organisation' | 'project') => () =>
    setAsking({ kind: 'settings', subject: { level, of: null, under: null } });
  const more = (
    <>
      <Check label="Include revoked" value={isWithRevoked} onChange={setWithRevoked} />
      <Button needs="operator" onClick={make('project')}>
        New project …
      </Button>
      <Button kind="main" needs="operator" onClick={make('organisation')}>
        New organisation …
      </Button>
    </>
  );
  const isShown = ({ revoked_at: at }: Account | ApiKey) => isWithRevoked || at === null;
  return (
    <Page title="Accounts" more={more} changesNeed="operator">
      <p class="muted">
        Settings of an organisation or project apply to all keys below it together. Limits, budgets and models of all
        levels apply at the same time. Days, weeks and months are in UTC.
      </p>
      <Panel isFlush>
        <Loaded of={accounts}>
          {({ data }) => <Tree accounts={data.filter(isShown)} keys={keys.filter(isShown)} onAsk={setAsking} />}
        </Loaded>
      </Panel>
      <Dialogs asking={asking} accounts={all} keys={keys} onAsk={setAsking} />
    </Page>
  );
}

interface DialogsProps {
  asking: Asking | null;
  accounts: readonly Account[];
  keys: readonly ApiKey[];
  onAsk: (asking: Asking | null) => void;
}

function Dialogs({ asking, accounts, keys, onAsk }: DialogsProps) {
  const close = () => onAsk(null);
  switch (asking?.kind) {
    case 'settings':
      return (
        <SettingsDialog
          subject={asking.subject}
          parents={accounts}
          onClose={close}
          onSecret={(secret) => onAsk({ kind: 'secret', secret })}
        />
      );
    case 'credits':
      return <CreditsDialog of={asking.of} onClose={close} />;
    case 'revoke':
      return <RevokeDialog of={asking.of} keysBelow={keysBelow(asking.of, accounts, keys)} onClose={close} />;
    case 'secret':
      return <SecretDialog title="The new key" secret={asking.secret} onClose={close} />;
    default:
      return null;
  }
}

function Tree({ accounts, keys, onAsk }: { accounts: readonly Account[]; keys: readonly ApiKey[]; onAsk: Ask }) {
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const budgets = useQuery<{ data: Budget[] }>('/budgets', {}, { everyMs: 10_000 }).data?.data ?? [];
  const toggle = (id: string) => {
    const next = new Set(open);
    if (!next.delete(id)) next.add(id);
    setOpen(next);
  };
  return (
    <Table
      label="Organisations, projects and keys"
      heads={['Name', 'Models', 'Limits', 'Budgets', 'Contents', '']}
      empty="There are no organisations or projects. Keys do not need one; with one, several keys share limits and budgets."
    >
      {linesOf(accounts, keys, open).map((line) => (
        <LineRow
          key={line.of.id}
          line={line}
          isOpen={open.has(line.of.id)}
          budgets={budgets}
          onToggle={toggle}
          onAsk={onAsk}
        />
      ))}
    </Table>
  );
}

interface LineRowProps {
  line: Line;
  isOpen: boolean;
  budgets: readonly Budget[];
  onToggle: (id: string) => void;
  onAsk: Ask;
}

function LineRow({ line, isOpen, budgets, onToggle, onAsk }: LineRowProps) {
  const { of, level, depth, below } = line;
  return (
    <tr>
      <td class="nested name" style={{ '--depth': depth }}>
        <b>{of.name}</b> <span class="muted">{level}</span> <StandingOf of={of} />
        <div class="muted mono">{of.id}</div>
      </td>
      <td>
        <ModelsOf of={of} />
      </td>
      <td class="number">
        <LimitsOf of={of} />
      </td>
      <td>
        <BudgetsOf of={of} budgets={budgets} />
      </td>
      <td>
        {level === 'key' ? null : level === 'organisation' ? (
          <span class="number">{below} projects</span>
        ) : below === 0 ? (
          <span class="muted">no keys</span>
        ) : (
          <button type="button" class="button small plain" aria-expanded={isOpen} onClick={() => onToggle(of.id)}>
            {isOpen ? '▾' : '▸'} {below} {below === 1 ? 'key' : 'keys'}
          </button>
        )}
      </td>
      <td>{level === 'key' ? <KeyLinks of={of} /> : <Actions of={of as Account} onAsk={onAsk} />}</td>
    </tr>
  );
}

function KeyLinks({ of: { id } }: { of: Account | ApiKey }) {
  return (
    <div class="deeds">
      <a class="button small" href={`/console/requests?key=${id}`}>
        Requests
      </a>
    </div>
  );
}

function Actions({ of, onAsk }: { of: Account; onAsk: Ask }) {
  const below = of.kind === 'organisation' ? 'project' : 'key';
  if (of.revoked_at !== null) return null;
  return (
    <div class="deeds">
      <Button
        isSmall
        needs="operator"
        onClick={() => onAsk({ kind: 'settings', subject: { level: below, of: null, under: of.id } })}
      >
        New {below} …
      </Button>
      {of.credits === null ? null : (
        <Button isSmall onClick={() => onAsk({ kind: 'credits', of })}>
          Credits …
        </Button>
      )}
      <Button isSmall needs="operator" onClick={() => onAsk({ kind: 'settings', subject: { level: of.kind, of } })}>
        Edit …
      </Button>
      <Button isSmall kind="danger" needs="operator" onClick={() => onAsk({ kind: 'revoke', of })}>
        Revoke …
      </Button>
    </div>
  );
}
