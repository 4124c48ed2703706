// Small parts of all pages: panels, badges, bars, fields, copy buttons, empty and loading states.
import type { ComponentChildren, JSX } from 'preact';
import { useId, useState } from 'preact/hooks';
import { may, type Role, whoIsIn } from '../api/client.ts';
import type { Result } from '../api/query.ts';
import { words } from './format.ts';

export function Page({
  title,
  more,
  changesNeed,
  children,
}: {
  title: string;
  more?: ComponentChildren;
  /** Users without this role see a note on why controls are disabled. */
  changesNeed?: Role;
  children: ComponentChildren;
}) {
  return (
    <div class="page">
      <header>
        <h1>{title}</h1>
        {more === undefined ? null : <div class="end">{more}</div>}
      </header>
      {changesNeed === undefined || may(changesNeed) ? null : (
        <p class="notice">
          With the role {whoIsIn()?.role} you can view everything. Disabled actions need the role {changesNeed}.
        </p>
      )}
      {children}
    </div>
  );
}

interface PanelProps {
  title?: ComponentChildren;
  more?: ComponentChildren;
  /** The content has its own padding: a table, rows. */
  isFlush?: boolean;
  children: ComponentChildren;
}

export function Panel({ title, more, isFlush = false, children }: PanelProps) {
  const id = useId();
  return (
    <section class="panel" {...(title === undefined ? {} : { 'aria-labelledby': id })}>
      {title === undefined ? null : (
        <header>
          <h2 id={id}>{title}</h2>
          {more === undefined ? null : <div class="end">{more}</div>}
        </header>
      )}
      {isFlush ? children : <div class="body">{children}</div>}
    </section>
  );
}

export type Tone = 'good' | 'bad' | 'warn' | 'accent' | 'plain';

export function Badge({
  tone = 'plain',
  children,
  title,
}: {
  tone?: Tone;
  children: ComponentChildren;
  title?: string;
}) {
  return (
    <span class={`badge ${tone}`} {...(title === undefined ? {} : { title })}>
      {children}
    </span>
  );
}

/** `ok`, or a failure code. */
export function Outcome({ code }: { code: string }) {
  if (code === 'ok' || code === 'completed') return <Badge tone="good">{code}</Badge>;
  const isOpen = code === 'queued' || code === 'running' || code === 'cancelling';
  const isGentle = code === 'request_cancelled' || code === 'cancelled' || code === 'hedge_lost';
  return (
    <Badge tone={isOpen ? 'accent' : isGentle ? 'warn' : 'bad'} title={code}>
      {words(code)}
    </Badge>
  );
}

interface BarProps {
  part: number;
  label: string;
  /** A high value is not a warning. */
  isPlain?: boolean;
}

export function Bar({ part, label, isPlain = false }: BarProps) {
  const tone = isPlain || part < 0.75 ? '' : part >= 0.95 ? 'bad' : 'warn';
  const value = Math.round(Math.min(1, part) * 100);
  return (
    <div class="bar" role="meter" aria-label={label} aria-valuenow={value} aria-valuemin={0} aria-valuemax={100}>
      <span class={tone} style={{ width: `${value}%` }} />
    </div>
  );
}

export function Figure({ label, value, more }: { label: string; value: ComponentChildren; more?: ComponentChildren }) {
  return (
    <div class="panel figure">
      <span class="muted">{label}</span>
      <span class="value">{value}</span>
      {more === undefined ? null : <span class="more">{more}</span>}
    </div>
  );
}

export function Field({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    // biome-ignore lint/a11y/noLabelWithoutControl: the control is its child
    <label class="field">
      <span>{label}</span>
      {children}
    </label>
  );
}

type Change = (value: string) => void;

interface TextProps {
  label: string;
  value: string;
  onChange: Change;
  type?: 'text' | 'password' | 'number' | 'date' | 'datetime-local' | 'url';
  placeholder?: string;
  required?: boolean;
  maxLength?: number;
  min?: number;
  max?: number;
  step?: 'any';
  isDisabled?: boolean;
  inputMode?: 'decimal';
  list?: string;
  autocomplete?: string;
  onBlur?: () => void;
  onKeyDown?: (event: KeyboardEvent) => void;
}

export function Text({ label, value, onChange, isDisabled = false, ...more }: TextProps) {
  return (
    <Field label={label}>
      <input
        {...(more as JSX.IntrinsicElements['input'])}
        disabled={isDisabled}
        value={value}
        onInput={(event) => onChange(event.currentTarget.value)}
      />
    </Field>
  );
}

export function Area({
  label,
  value,
  onChange,
  rows,
}: Pick<TextProps, 'label' | 'value' | 'onChange'> & { rows: number }) {
  return (
    <Field label={label}>
      <textarea rows={rows} value={value} onInput={(event) => onChange(event.currentTarget.value)} />
    </Field>
  );
}

export type Choice = readonly [value: string, label: string];

interface ChoiceProps {
  label: string;
  value: string;
  onChange: Change;
  choices: readonly Choice[];
}

export function Select({ label, value, onChange, choices }: ChoiceProps) {
  return (
    <Field label={label}>
      <select value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        {choices.map(([name, text]) => (
          <option key={name} value={name}>
            {text}
          </option>
        ))}
      </select>
    </Field>
  );
}

export function Check({
  label,
  value,
  onChange,
  isDisabled = false,
}: {
  label: string;
  value: boolean;
  onChange: (value: boolean) => void;
  isDisabled?: boolean;
}) {
  return (
    <label class="check">
      <input
        type="checkbox"
        checked={value}
        disabled={isDisabled}
        onChange={(event) => onChange(event.currentTarget.checked)}
      />
      {label}
    </label>
  );
}

export function Tabs({ label, value, onChange, choices }: ChoiceProps) {
  const walk = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const at = choices.findIndex(([name]) => name === value);
    const next = (at + step + choices.length) % choices.length;
    onChange(choices[next]![0]);
    (event.currentTarget as HTMLElement).querySelectorAll<HTMLElement>('[role=tab]')[next]?.focus();
  };
  return (
    <div class="tabs" role="tablist" aria-label={label} onKeyDown={walk}>
      {choices.map(([name, text]) => (
        <button
          key={name}
          type="button"
          role="tab"
          aria-selected={name === value}
          tabIndex={name === value ? 0 : -1}
          onClick={() => onChange(name)}
        >
          {text}
        </button>
      ))}
    </div>
  );
}

export function CopyButton({ text, children = 'Copy' }: { text: () => string; children?: ComponentChildren }) {
  const [isCopied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text());
    setCopied(true);
    setTimeout(() => setCopied(false), 1_500);
  };
  return (
    <button type="button" class="button small" onClick={() => void copy()}>
      {isCopied ? 'Copied' : children}
    </button>
  );
}

/** Shows that a response is loading or has failed. */
export function Loaded<T>({ of, children }: { of: Result<T>; children: (data: T) => ComponentChildren }) {
  if (of.data !== undefined) return <>{children(of.data)}</>;
  if (of.error !== null) return <Trouble error={of.error} />;
  return (
    <p class="empty" role="status">
      Loading …
    </p>
  );
}

export function Trouble({ error }: { error: Error }) {
  return (
    <div class="notice bad" role="alert">
      {error.message}
    </div>
  );
}

export function Empty({ children }: { children: ComponentChildren }) {
  return <p class="empty">{children}</p>;
}

export function RequestLink({ id }: { id: string }) {
  return (
    <a class="mono" href={`/console/requests/${id}`}>
      {shortId(id)}
    </a>
  );
}

/** Shows the end of an id: the beginnings encode time and look alike. */
function shortId(id: string): string {
  return `…${id.slice(-10)}`;
}
