// Dialogs for keys and accounts: rotation, revocation, credits.
import { useState } from 'preact/hooks';
import { call, may, post } from '../api/client.ts';
import { refresh, useQuery } from '../api/query.ts';
import type { Account, ApiKey, Statement } from '../api/types.ts';
import { Dialog } from '../parts/actions.tsx';
import { count, time, usd } from '../parts/format.ts';
import { CopyButton, Figure, Loaded, Select, Text } from '../parts/panel.tsx';
import { Table } from '../parts/table.tsx';

export function SecretDialog({ title, secret, children, onClose }: SecretDialogProps) {
  return (
    <Dialog title={title} onClose={onClose}>
      <p>It is shown this once. {children ?? 'Nobody can read it again, only revoke it.'}</p>
      <pre class="text" tabIndex={0}>
        {secret}
      </pre>
      <div>
        <CopyButton text={() => secret}>Copy it</CopyButton>
      </div>
    </Dialog>
  );
}

interface SecretDialogProps {
  title: string;
  secret: string;
  children?: string | undefined;
  onClose: () => void;
}

/** How long the old secret stays valid, seconds. */
const KEPT = [
  ['0', 'not any more'],
  ['3600', 'an hour'],
  ['86400', 'a day'],
  ['604800', 'a week'],
  ['2592000', '30 days'],
] as const;

interface RotateProps {
  of: ApiKey;
  onClose: () => void;
  onSecret: (secret: string, note: string) => void;
}

export function RotateDialog({ of, onClose, onSecret }: RotateProps) {
  const [kept, keep] = useState('86400');
  const rotate = async () => {
    const made = await post<ApiKey & { key: string }>(`/keys/${of.id}/rotate`, { keep_former_seconds: Number(kept) });
    refresh('/keys');
    const until = made.former_secret_until;
    onSecret(
      made.key,
      until === null ? 'The former one is refused from now on.' : `The former one is valid until ${time(until)}, too.`,
    );
  };
  return (
    <Dialog title={`New secret for ${of.name}`} submit="Make it" onSubmit={rotate} onClose={onClose}>
      <p>
        The key keeps its name, limits and history. Give its clients the new secret while the former one still works.
        {of.former_secret_until === null
          ? ''
          : ` The one before is valid until ${time(of.former_secret_until)}; a second rotation ends it at once.`}
      </p>
      <Select label="The former secret is valid for" value={kept} onChange={keep} choices={KEPT} />
    </Dialog>
  );
}

interface RevokeProps {
  of: Account | ApiKey;
  /** Keys that are revoked with the account; null if it is a key itself. */
  keysBelow: number | null;
  onClose: () => void;
}

export function RevokeDialog({ of, keysBelow, onClose }: RevokeProps) {
  const revoke = async () => {
    await call('DELETE', `/${keysBelow === null ? 'keys' : 'accounts'}/${of.id}`);
    refresh('/keys', '/accounts', '/budgets');
    onClose();
  };
  return (
    <Dialog title={`Revoke ${of.name}?`} submit="Revoke" isDanger onSubmit={revoke} onClose={onClose}>
      <p>
        {keysBelow === null
          ? 'Within a second nobody is answered who uses it.'
          : `Within a second nobody is answered who uses one of the ${keysBelow} keys below it.`}{' '}
        What was accepted before is still answered. It cannot be undone; history and books stay.
      </p>
    </Dialog>
  );
}

export function CreditsDialog({ of, onClose }: { of: Account | ApiKey; onClose: () => void }) {
  const [amount, setAmount] = useState('');
  const [note, setNote] = useState('');
  const statement = useQuery<Statement>(`/accounts/${of.id}/statement`);
  const topUp = async () => {
    await post(`/accounts/${of.id}/credits`, { amount_usd: Number(amount), ...(note === '' ? {} : { note }) });
    setAmount('');
    setNote('');
    refresh(`/accounts/${of.id}`);
  };
  const canPay = may('operator') ? { submit: 'Top up', onSubmit: topUp } : {};
  return (
    <Dialog title={`Credits of ${of.name}`} {...canPay} close="Close" onClose={onClose}>
      <Loaded of={statement}>{(data) => <StatementView statement={data} />}</Loaded>
      {may('operator') ? (
        <div class="row">
          <Text
            label="Paid in, $; negative: a correction"
            type="number"
            step="any"
            required
            value={amount}
            onChange={setAmount}
          />
          <Text label="Note" value={note} onChange={setNote} maxLength={500} placeholder="invoice 17" />
        </div>
      ) : null}
    </Dialog>
  );
}

function StatementView({ statement: { balance_usd: balance, paid_in_usd: paidIn, credits, charges } }: StatementProps) {
  return (
    <>
      <div class="grid figures">
        <Figure label="Balance" value={usd(balance)} />
        <Figure label="Paid in" value={usd(paidIn)} />
        <Figure label="Charged" value={usd(Number(paidIn) - Number(balance))} />
      </div>
      <Table label="Paid in" heads={['When', 'By', 'Note', ['Amount', 'end']]} empty="Nothing was paid in yet.">
        {credits.map((entry) => (
          <tr key={entry.id}>
            <td class="number">{time(entry.created_at)}</td>
            <td>{entry.actor}</td>
            <td>{entry.note ?? ''}</td>
            <td class="end">{usd(entry.amount_usd)}</td>
          </tr>
        ))}
      </Table>
      <Table
        label="Charged"
        heads={['Day (UTC)', ['Requests', 'end'], ['Cost', 'end'], ['Charged', 'end']]}
        empty="Nothing was charged yet."
      >
        {charges.map((charge) => (
          <tr key={charge.day}>
            <td class="number">{charge.day}</td>
            <td class="end">{count(charge.requests)}</td>
            <td class="end">{usd(charge.cost_usd)}</td>
            <td class="end">{usd(charge.charge_usd)}</td>
          </tr>
        ))}
      </Table>
    </>
  );
}

interface StatementProps {
  statement: Statement;
}
