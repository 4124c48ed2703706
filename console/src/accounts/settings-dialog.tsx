// The settings form shared by keys, projects and organisations.
import { useState } from 'preact/hooks';
import { call, post } from '../api/client.ts';
import { refresh } from '../api/query.ts';
import type { Account, ApiKey } from '../api/types.ts';
import { Dialog } from '../parts/actions.tsx';
import { Area, Check, type Choice, Select, Text } from '../parts/panel.tsx';
import { changesOf, type Draft, draftOf, type Level, LIMITS, PERIODS } from './draft.ts';

export type Subject =
  | { level: Level; of: Account | ApiKey }
  | { level: 'organisation' | 'project' | 'key'; of: null; under: string | null };

interface SettingsDialogProps {
  subject: Subject;
  /** Possible parents: organisations for a project, projects for a key. */
  parents: readonly Account[];
  onClose: () => void;
  /** The secret of a new key. */
  onSecret: (secret: string) => void;
}

const PARENTS = { organisation: null, project: 'organisation', key: 'project' } as const;

export function SettingsDialog({ subject, parents, onClose, onSecret }: SettingsDialogProps) {
  const { level, of } = subject;
  const [before] = useState(() => draftOf(of));
  const [draft, setDraft] = useState(before);
  const [under, setUnder] = useState((of === null && subject.under) || '');
  const parent = PARENTS[level];
  const address = level === 'key' ? '/keys' : '/accounts';
  const save = async () => {
    const saved = await (of === null
      ? post<{ key?: string }>(address, {
          name: draft.name,
          ...changesOf(before, draft),
          ...(level === 'key' ? {} : { kind: level }),
          ...(parent === null || under === '' ? {} : { [parent]: under }),
        })
      : call<{ key?: string }>('PATCH', `${address}/${of.id}`, changesOf(before, draft)));
    refresh('/keys', '/accounts', '/budgets');
    if (saved.key === undefined) onClose();
    else onSecret(saved.key);
  };
  return (
    <Dialog
      title={of === null ? `New ${level}` : `Change ${of.name}`}
      submit={of === null ? 'Create' : 'Save'}
      onSubmit={save}
      onClose={onClose}
    >
      <Fields draft={draft} onChange={(change) => setDraft({ ...draft, ...change })} />
      {of !== null || parent === null ? null : (
        <Select
          label={`Of this ${parent}`}
          value={under}
          onChange={setUnder}
          choices={[['', 'none'], ...parentChoices(parents, parent)]}
        />
      )}
    </Dialog>
  );
}

function parentChoices(parents: readonly Account[], kind: string): Choice[] {
  return parents
    .filter((account) => account.kind === kind && account.revoked_at === null)
    .map(({ id, name }) => [id, name]);
}

interface FieldsProps {
  draft: Draft;
  onChange: (change: Partial<Draft>) => void;
}

const FIRST_LIMITS = 3;

function Fields({ draft, onChange }: FieldsProps) {
  return (
    <>
      <Text label="Name" value={draft.name} onChange={(name) => onChange({ name })} required maxLength={200} />
      <Text
        label="Models, comma-separated, with * as a wildcard (empty: all)"
        value={draft.models}
        onChange={(models) => onChange({ models })}
      />
      <LimitFields draft={draft} onChange={onChange} limits={LIMITS.slice(0, FIRST_LIMITS)} />
      <fieldset class="row">
        <legend>Budgets in $ (days, weeks and months in UTC; empty: none)</legend>
        {PERIODS.map((period) => (
          <Text
            key={period}
            label={period === 'total' ? 'In total' : `A ${period}`}
            type="number"
            min={0}
            step="any"
            value={draft.budgets[period] ?? ''}
            onChange={(value) => onChange({ budgets: { ...draft.budgets, [period]: value } })}
          />
        ))}
      </fieldset>
      <details>
        <summary>More limits, weights, expiry, metadata, credits</summary>
        <div class="form">
          <LimitFields draft={draft} onChange={onChange} limits={LIMITS.slice(FIRST_LIMITS)} />
          <MoreFields draft={draft} onChange={onChange} />
        </div>
      </details>
    </>
  );
}

function LimitFields({ draft, onChange, limits }: FieldsProps & { limits: readonly (readonly [string, string])[] }) {
  return (
    <div class="row">
      {limits.map(([limit, label]) => (
        <Text
          key={limit}
          label={label}
          type="number"
          min={1}
          value={draft.limits[limit] ?? ''}
          onChange={(value) => onChange({ limits: { ...draft.limits, [limit]: value } })}
        />
      ))}
    </div>
  );
}

function MoreFields({ draft, onChange }: FieldsProps) {
  const weigh = (name: 'weight' | 'batchWeight', label: string) => (
    <Text
      label={label}
      type="number"
      min={0.001}
      max={1_000}
      step="any"
      required
      value={draft[name]}
      onChange={(value) => onChange({ [name]: value })}
    />
  );
  return (
    <>
      <div class="row">
        {weigh('weight', 'Weight in a full queue')}
        {weigh('batchWeight', 'Weight in the batch lane')}
      </div>
      <Text
        label={`Expires (${Intl.DateTimeFormat().resolvedOptions().timeZone}; empty: never)`}
        type="datetime-local"
        value={draft.expires}
        onChange={(expires) => onChange({ expires })}
      />
      <Area
        label="Metadata, one name=value per line"
        value={draft.metadata}
        onChange={(metadata) => onChange({ metadata })}
        rows={3}
      />
      <Check
        label="Charge to prepaid credits"
        value={draft.hasCredits}
        onChange={(hasCredits) => onChange({ hasCredits })}
      />
      {draft.hasCredits ? (
        <div class="row">
          <Text
            label="Markup on the cost, %"
            type="number"
            min={0}
            max={1_000}
            step="any"
            required
            value={draft.markup}
            onChange={(markup) => onChange({ markup })}
          />
          <Text
            label="Round charges up to a multiple of, $"
            type="number"
            min={0.0001}
            max={1}
            step="any"
            required
            value={draft.chargeStep}
            onChange={(chargeStep) => onChange({ chargeStep })}
          />
        </div>
      ) : null}
    </>
  );
}
