// Table cells for the settings of keys and accounts.
import type { Account, ApiKey, Budget } from '../api/types.ts';
import { count, time, usd, words } from '../parts/format.ts';
import { Badge, Bar } from '../parts/panel.tsx';

type Shown = Account | ApiKey;

export function LimitsOf({ of: { limits } }: { of: Shown }) {
  const entries = Object.entries(limits);
  if (entries.length === 0) return <span class="muted">none</span>;
  return <>{entries.map(([name, value]) => `${words(name)} ${count(value)}`).join(', ')}</>;
}

export function ModelsOf({ of: { models } }: { of: Shown }) {
  if (models === null) return <span class="muted">all</span>;
  return <span class="clamp">{models.join(', ')}</span>;
}

/** Every budget with its usage as a bar. */
export function BudgetsOf({ of, budgets }: { of: Shown; budgets: readonly Budget[] }) {
  const own = budgets.filter(({ id }) => id === of.id);
  if (own.length === 0) {
    const set = Object.entries(of.budgets as Record<string, number>);
    if (set.length === 0) return <span class="muted">none</span>;
    return <>{set.map(([period, limit]) => `${usd(limit)} ${period}`).join(', ')}</>;
  }
  return (
    <div class="budgets">
      {own.map(({ period, spent_usd: spent, budget_usd: limit, forecast_usd: forecast }) => (
        <div key={period} title={forecast === null ? '' : `${usd(forecast)} forecast for the end of the period`}>
          <span class="number">
            {usd(spent)} of {usd(limit)} {period}
          </span>
          <Bar
            part={Number(limit) === 0 ? 1 : Number(spent) / Number(limit)}
            label={`Budget of ${of.name}, ${period}`}
          />
        </div>
      ))}
    </div>
  );
}

export function StandingOf({ of }: { of: Shown }) {
  const until = 'former_secret_until' in of ? of.former_secret_until : null;
  const isExpired = of.expires_at !== null && Date.parse(of.expires_at) <= Date.now();
  return (
    <>
      {of.revoked_at === null ? null : <Badge tone="bad">revoked</Badge>}
      {of.expires_at === null ? null : (
        <Badge tone={isExpired ? 'bad' : 'plain'}>
          {isExpired ? 'expired' : 'expires'} {time(of.expires_at)}
        </Badge>
      )}
      {until === null ? null : <Badge tone="warn">former secret until {time(until)}</Badge>}
      {of.credits === null ? null : (
        <Badge tone="accent" title={`${of.credits.markup_percent} % on the cost`}>
          credits
        </Badge>
      )}
      {Object.entries(of.metadata).map(([name, value]) => (
        <Badge key={name}>
          {name}={value}
        </Badge>
      ))}
    </>
  );
}
