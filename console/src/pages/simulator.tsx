// Controls of simulators: fault rules on and off, to watch a failover.
import { useEffect, useState } from 'preact/hooks';
import { call, may } from '../api/client.ts';
import { refresh, useQuery } from '../api/query.ts';
import type { Simulator } from '../api/types.ts';
import { Action } from '../parts/actions.tsx';
import { count } from '../parts/format.ts';
import { Badge, Check, Empty, Loaded, Page, Panel, Select, Text } from '../parts/panel.tsx';
import { Table } from '../parts/table.tsx';

interface RuleInForce {
  rule: string;
  matched: number;
  fired: number;
}

export default function SimulatorPage() {
  const simulators = useQuery<{ data: Simulator[] }>('/simulators');
  return (
    <Page title="Simulator" changesNeed="operator">
      <Loaded of={simulators}>
        {({ data }) =>
          data.length === 0 ? (
            <Empty>
              No configured provider is a simulator. <code>npm start</code> without a configuration uses one, and{' '}
              <code>sluice simulate</code> starts another.
            </Empty>
          ) : (
            byAddress(data).map((group) => <SimulatorPanel key={group[0]!.name} group={group} />)
          )
        }
      </Loaded>
    </Page>
  );
}

function byAddress(simulators: readonly Simulator[]): Simulator[][] {
  return [...Map.groupBy(simulators, ({ address }) => address).values()];
}

function SimulatorPanel({ group }: { group: Simulator[] }) {
  const { name, address } = group[0]!;
  const path = `/simulators/${encodeURIComponent(name)}`;
  const rules = useQuery<RuleInForce[]>(`${path}/faults`, {}, { everyMs: 2_000 });
  const put = async (texts: string[]) => {
    await call('PUT', `${path}/faults`, texts);
    refresh(path);
  };
  return (
    <Panel title={group.map((one) => one.name).join(', ')} more={<span class="muted">{address}</span>} isFlush>
      <Loaded of={rules}>
        {(inForce) => (
          <>
            <RuleTable rules={inForce} onPut={put} />
            <div class="body form" style={{ padding: '14px' }}>
              <Recipes group={group} rules={inForce} onPut={put} />
              <NewRule onAdd={(text) => put([...inForce.map(({ rule }) => rule), text])} />
              <Pace path={path} />
            </div>
          </>
        )}
      </Loaded>
    </Panel>
  );
}

type Put = (texts: string[]) => Promise<void>;

function RuleTable({ rules, onPut }: { rules: readonly RuleInForce[]; onPut: Put }) {
  if (rules.length === 0) return <Empty>No faults are active: all requests are answered.</Empty>;
  return (
    <Table label="Active faults" heads={['Rule', ['Applies to', 'end'], ['Applied', 'end'], '']}>
      {rules.map(({ rule, matched, fired }, index) => (
        <tr key={rule}>
          <td class="mono">{rule}</td>
          <td class="end">{count(matched)}</td>
          <td class="end">{fired > 0 ? <Badge tone="bad">{count(fired)}</Badge> : 0}</td>
          <td class="end">
            <Action
              isSmall
              needs="operator"
              run={() => onPut(rules.filter((_, at) => at !== index).map((one) => one.rule))}
            >
              Off
            </Action>
          </td>
        </tr>
      ))}
    </Table>
  );
}

/** Ready-made faults. `model=` spares the fallback deployment if one simulator serves both. */
const RECIPES = [
  ['unavailable', 'Down (503)'],
  ['429:2000', 'Rate limited for two seconds (429)'],
  ['cut@12', 'Connection lost after 12 tokens'],
  ['slow:4000', 'First token after four seconds'],
  ['stall@8', 'No more data after 8 tokens'],
] as const;

function Recipes({ group, rules, onPut }: { group: readonly Simulator[]; rules: readonly RuleInForce[]; onPut: Put }) {
  const models = [...new Set(group.flatMap((one) => one.models))].filter((model) => model !== '*');
  // Several providers at one address are each other's fallback: a fault for all models would leave nobody to answer.
  const [model, setModel] = useState(group.length > 1 ? (models[0] ?? '') : '');
  const textOf = (fault: string) => (model === '' ? fault : `${fault} model=${model}`);
  const texts = rules.map(({ rule }) => rule);
  return (
    <div class="form">
      <h3>Add a fault</h3>
      <div class="row">
        <Select
          label="For calls to this model"
          value={model}
          onChange={setModel}
          choices={[['', 'any'], ...models.map((name) => [name, name] as const)]}
        />
      </div>
      <div class="legend">
        {RECIPES.map(([fault, label]) => {
          const text = textOf(fault);
          const isOn = texts.includes(text);
          return (
            <Check
              key={fault}
              label={label}
              value={isOn}
              isDisabled={!may('operator')}
              onChange={() => void onPut(isOn ? texts.filter((one) => one !== text) : [...texts, text])}
            />
          );
        })}
      </div>
      <p class="muted">
        Then send a request from the{' '}
        <a href={`/console/playground${model === '' ? '' : `?model=${encodeURIComponent(model)}`}`}>playground</a> and
        follow the link under its answer: its waterfall shows what the fault did.
      </p>
    </div>
  );
}

function NewRule({ onAdd }: { onAdd: (text: string) => Promise<void> }) {
  const [text, setText] = useState('');
  return (
    <div class="form">
      <Text
        label="Or a rule in the syntax of `sluice simulate --fault`"
        value={text}
        onChange={setText}
        placeholder="cut@40 chance=0.1 times=3"
      />
      <div>
        <Action
          needs="operator"
          isDisabled={text.trim() === ''}
          run={async () => {
            await onAdd(text.trim());
            setText('');
          }}
        >
          Add
        </Action>
      </div>
    </div>
  );
}

function Pace({ path }: { path: string }) {
  const behaviour = useQuery<{ paceMs: number; firstTokenMs: number }>(`${path}/behaviour`).data;
  const [pace, setPace] = useState('');
  const [first, setFirst] = useState('');
  useEffect(() => {
    if (behaviour === undefined) return;
    setPace(String(behaviour.paceMs));
    setFirst(String(behaviour.firstTokenMs));
  }, [behaviour]);
  const save = async () => {
    await call('PUT', `${path}/behaviour`, { paceMs: Number(pace), firstTokenMs: Number(first) });
    refresh(path);
  };
  return (
    <div class="form">
      <h3>Pace</h3>
      <div class="row">
        <Text label="Between tokens (ms)" type="number" min={0} value={pace} onChange={setPace} />
        <Text label="Before the first token (ms)" type="number" min={0} value={first} onChange={setFirst} />
      </div>
      <div>
        <Action needs="operator" run={save} done="The new pace is in force.">
          Set pace
        </Action>
      </div>
    </div>
  );
}
