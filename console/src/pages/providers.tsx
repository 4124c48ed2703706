// Providers, deployments and credentials: health, limits with usage, failures, prices; hold and release.
import { useMemo, useState } from 'preact/hooks';
import { useQuery } from '../api/query.ts';
import type { Deployment, LimitInForce, Provider } from '../api/types.ts';
import { ago, count, isFailed, percent, usd, words } from '../parts/format.ts';
import { Badge, Bar, Check, Empty, Loaded, Page, Panel, Text } from '../parts/panel.tsx';
import { Panels } from '../parts/rows.tsx';
import { Table } from '../parts/table.tsx';
import { HoldButton, HoldNotice } from '../providers/hold.tsx';

/** Many are read less often: a response for hundreds is large. */
const EVERY_MS = ({ data = [] }: { data?: readonly unknown[] } = {}) => (data.length > 50 ? 10_000 : 3_000);

export default function ProvidersPage() {
  const [sought, seek] = useState('');
  const [isTroubledOnly, setTroubledOnly] = useState(false);
  const providers = useQuery<{ data: Provider[] }>('/providers', {}, { everyMs: EVERY_MS });
  const limits = useQuery<{ data: LimitInForce[] }>('/limits', {}, { everyMs: EVERY_MS }).data?.data;
  const limitsOf = useMemo(() => Map.groupBy(limits ?? [], ({ scope }) => scope), [limits]);
  const text = sought.trim().toLowerCase();
  const wanted = (all: readonly Provider[]) =>
    all.filter((one) => !isTroubledOnly || isTroubled(one)).flatMap((one) => narrowed(one, text) ?? []);
  const more = (
    <>
      <Text label="Find" value={sought} onChange={seek} placeholder="provider, model" />
      <Check label="Only on hold or with an open circuit" value={isTroubledOnly} onChange={setTroubledOnly} />
    </>
  );
  return (
    <Page title="Providers" more={more} changesNeed="operator">
      <Loaded of={providers}>
        {({ data }) =>
          data.length === 0 ? (
            <Empty>
              No provider is configured. Add one under <code>providers</code> in sluice.yaml.
            </Empty>
          ) : (
            <ProviderPanels providers={wanted(data)} limitsOf={limitsOf} />
          )
        }
      </Loaded>
    </Page>
  );
}

type LimitsByScope = ReadonlyMap<string, readonly LimitInForce[]>;
const NONE: readonly LimitInForce[] = [];

function ProviderPanels({ providers, limitsOf }: { providers: readonly Provider[]; limitsOf: LimitsByScope }) {
  if (providers.length === 0) return <Empty>No provider matches.</Empty>;
  return (
    <Panels items={providers} keyOf={({ name }) => name} estimatePx={360}>
      {(provider) => <ProviderPanel key={provider.name} provider={provider} limits={limitsOf} />}
    </Panels>
  );
}

/** With the deployments that the text is found in, or all where it is in the provider's own name; null if it is nowhere. */
function narrowed(provider: Provider, text: string): Provider | null {
  const isSought = (name: string) => name.toLowerCase().includes(text);
  if (isSought(provider.name)) return provider;
  const deployments = provider.deployments.filter(({ id, models }) => isSought(id) || models.some(isSought));
  return deployments.length === 0 ? null : { ...provider, deployments };
}

function isTroubled({ hold, deployments, credentials }: Provider): boolean {
  return hold !== null || [...deployments, ...credentials].some((one) => one.hold !== null || one.circuits.length > 0);
}

function ProviderPanel({ provider, limits }: { provider: Provider; limits: LimitsByScope }) {
  const { name, protocols, base_url: url, hold, queues, deployments, credentials } = provider;
  const limitsOf = (scope: string) => limits.get(scope) ?? NONE;
  return (
    <Panel title={name} more={<HoldButton what={{ provider: name }} name={`provider:${name}`} hold={hold} />} isFlush>
      <div class="body form" style={{ padding: '12px 14px' }}>
        <HoldNotice hold={hold} />
        <div class="legend">
          <span>{url}</span>
          <span>{protocols.join(', ')}</span>
          {Object.entries(queues).map(([lane, { waiting, running }]) => (
            <span key={lane} class="number">
              {lane}: {count(waiting)} waiting, {count(running)} running
            </span>
          ))}
        </div>
        <Limits limits={limitsOf(`provider:${name}`)} />
      </div>
      <Table
        label={`Deployments of ${name}`}
        heads={[
          'Deployment',
          'Health',
          'Last hour',
          'Limits',
          ['In / cached / out per million', 'end'],
          ['Tier', 'end'],
          '',
        ]}
      >
        {deployments.map((deployment) => (
          <DeploymentRow
            key={deployment.id}
            deployment={deployment}
            isProviderHeld={hold !== null}
            limits={limitsOf(`deployment:${deployment.id}`)}
          />
        ))}
      </Table>
      {credentials.length === 0 ? null : (
        <Table
          label={`Credentials of ${name}`}
          heads={['Credential', 'State', 'Last hour', 'Limits', ['Share', 'end'], '']}
        >
          {credentials.map((credential) => (
            <CredentialRow
              key={credential.name}
              credential={credential}
              what={`${name}/${credential.name}`}
              limits={limitsOf(credential.scope)}
            />
          ))}
        </Table>
      )}
    </Panel>
  );
}

interface CredentialProps {
  credential: Provider['credentials'][number];
  /** The name used for holds. */
  what: string;
  limits: readonly LimitInForce[];
}

function CredentialRow({ credential, what, limits }: CredentialProps) {
  const { name, scope, share, hold, circuits, last_hour: hour } = credential;
  return (
    <tr>
      <td class="name">
        <b>{name}</b>
      </td>
      <td>
        <Health id={scope} hold={hold} circuits={circuits} />
        <HoldNotice hold={hold} />
      </td>
      <td style={{ minWidth: '10rem' }}>
        <Mix counts={hour} />
      </td>
      <td style={{ minWidth: '15rem' }}>
        <Limits limits={limits} />
      </td>
      <td class="end">{(share * 100).toFixed(0)} %</td>
      <td class="end">
        <HoldButton what={{ credential: what }} name={scope} hold={hold} isSmall />
      </td>
    </tr>
  );
}

interface DeploymentProps {
  deployment: Deployment;
  isProviderHeld: boolean;
  limits: readonly LimitInForce[];
}

function DeploymentRow({ deployment, isProviderHeld, limits }: DeploymentProps) {
  const { id, models, price, hold, tier, weight } = deployment;
  return (
    <tr>
      <td class="name">
        <b>{id}</b>
        <div class="muted">{models.join(', ')}</div>
      </td>
      <td>
        {isProviderHeld && hold === null ? (
          <Badge tone="warn">held with its provider</Badge>
        ) : (
          <Health id={id} hold={hold} circuits={deployment.circuits} />
        )}
        <HoldNotice hold={hold} />
      </td>
      <td style={{ minWidth: '10rem' }}>
        <Mix counts={deployment.last_hour} />
      </td>
      <td style={{ minWidth: '15rem' }}>
        <Limits limits={limits} />
      </td>
      <td class="end">
        {price === null ? (
          <Badge tone="warn">no price</Badge>
        ) : (
          [price.input, price.cached_input, price.output].map(usd).join(' / ')
        )}
      </td>
      <td class="end">
        {tier}
        {weight === 1 ? '' : ` × ${weight}`}
      </td>
      <td class="end">
        <HoldButton what={{ deployment: id }} name={`deployment:${id}`} hold={hold} isSmall />
      </td>
    </tr>
  );
}

type HealthProps = Pick<Deployment, 'id' | 'hold' | 'circuits'>;

function Health({ circuits, hold, id }: HealthProps) {
  if (hold !== null) return <Badge tone="warn">held</Badge>;
  if (circuits.length === 0) return <Badge tone="good">healthy</Badge>;
  return (
    <>
      {circuits.map(({ name, state, code, until }) => (
        <div key={name}>
          <Badge tone={state === 'open' ? 'bad' : 'warn'} title={until}>
            {state === 'open' ? `circuit open, back ${ago(until)}` : 'on trial'}
          </Badge>{' '}
          <span class="muted">
            {name === id ? '' : `${name} `}
            {code === null ? '' : words(code)}
          </span>
        </div>
      ))}
    </>
  );
}

/** Answers, then failures by frequency. */
const MIX = ['--shape-answer', '--shape-failed', '--shape-limit', '--shape-circuit', '--shape-backoff'];

function Mix({ counts }: { counts: Deployment['last_hour'] }) {
  const all = counts.reduce((sum, { attempts }) => sum + attempts, 0);
  if (all === 0) return <span class="muted">no calls</span>;
  const failures = counts.filter(({ outcome }) => isFailed(outcome)).sort((a, b) => b.attempts - a.attempts);
  const failed = failures.reduce((sum, { attempts }) => sum + attempts, 0);
  return (
    <>
      <div class="number">
        {count(all)} calls, {percent(failed / all)} failed
      </div>
      <div class="mix" aria-hidden="true">
        {[['ok', all - failed] as const, ...failures.map(({ outcome, attempts }) => [outcome, attempts] as const)].map(
          ([outcome, attempts], place) => (
            <span
              key={outcome}
              title={outcome}
              style={{
                width: `${(attempts / all) * 100}%`,
                background: `var(${MIX[Math.min(place, MIX.length - 1)]})`,
              }}
            />
          ),
        )}
      </div>
      {failures.slice(0, 4).map(({ outcome, attempts }) => (
        <div key={outcome} class="muted number">
          {words(outcome)} {count(attempts)}
        </div>
      ))}
    </>
  );
}

export function Limits({ limits }: { limits: readonly LimitInForce[] }) {
  if (limits.length === 0) return <span class="muted">no limit</span>;
  return (
    <div class="use">
      {limits.map(({ scope, limit, value, used, source, in_force: isInForce }) => (
        <>
          <span>
            {words(limit)}{' '}
            {source === 'learned' ? (
              <Badge tone={isInForce ? 'accent' : 'plain'}>{isInForce ? 'learned' : 'learned, not in force'}</Badge>
            ) : null}
          </span>
          {used === null ? (
            <span class="muted">not counted</span>
          ) : (
            <Bar part={used / value} label={`${limit} of ${scope}`} />
          )}
          <span class="number">
            {used === null ? '' : `${count(used)} of `}
            {count(value)}
          </span>
        </>
      ))}
    </div>
  );
}
