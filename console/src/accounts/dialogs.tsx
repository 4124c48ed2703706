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
      <p>It is shown only once. {children ?? 'It cannot be shown again, only revoked.'}</p>
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
  ['0', 'no time'],
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
      until === null ? 'The former one is no longer valid.' : `The former one stays valid until ${time(until)}.`,
    );
  };
  return (
    <Dialog title={`New secret for ${of.name}`} submit="Create" onSubmit={rotate} onClose={onClose}>
      <p>
        The key keeps its name, limits and history. Give the new secret to its clients while the former one still works.
        {of.former_secret_until === null
          ? ''
          : ` An earlier secret is valid until ${time(of.former_secret_until)}; another rotation revokes it immediately.`}
      </p>
      <Select label="Keep the former secret valid for" value={kept} onChange={keep} choices={KEPT} />
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
          ? 'Within a second, requests with it are refused.'
          : `Within a second, requests with any of the ${keysBelow} keys below it are refused.`}{' '}
        Requests that were accepted before are still answered. This cannot be undone; history and costs are kept.
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
            label="Amount in $ (negative for a correction)"
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
      <Table label="Paid in" heads={['When', 'By', 'Note', ['Amount', 'end']]} empty="No payments yet.">
        {credits.map((entry) => (
          <tr key={entry.id}>
            <td class="number">{time(entry.created_at)}</td>
            <td class="name">{entry.actor}</td>
            <td class="name">{entry.note ?? ''}</td>
            <td class="end">{usd(entry.amount_usd)}</td>
          </tr>
        ))}
      </Table>
      <Table
        label="Charged"
        heads={['Day (UTC)', ['Requests', 'end'], ['Cost', 'end'], ['Charged', 'end']]}
        empty="No charges yet."
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
