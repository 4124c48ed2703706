// Operator actions: dialogs, buttons with progress and result, and notifications.
import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { may, type Role } from '../api/client.ts';

interface Toast {
  id: number;
  text: string;
}

let told: Toast[] = [];
let nextId = 1;
let show: (toasts: Toast[]) => void = () => undefined;
const SHOWN_MS = 6_000;
const MAX_TOASTS = 4;

export function tell(text: string): void {
  const toast = { id: nextId++, text };
  told = [...told, toast].slice(-MAX_TOASTS);
  show(told);
  setTimeout(() => {
    told = told.filter(({ id }) => id !== toast.id);
    show(told);
  }, SHOWN_MS);
}

export function Toasts() {
  const [toasts, setToasts] = useState(told);
  show = setToasts;
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.map(({ id, text }) => (
        <div key={id} class="toast">
          {text}
        </div>
      ))}
    </div>
  );
}

interface Withheld {
  disabled?: boolean;
  title?: string;
}

/** Attributes of a control that the role may not use: disabled, with the reason. */
export function withheld(needs: Role | undefined): Withheld {
  return needs === undefined || may(needs) ? {} : { disabled: true, title: `The role ${needs} is required.` };
}

interface ButtonProps {
  onClick: () => void;
  needs?: Role | undefined;
  kind?: '' | 'main' | 'danger' | 'plain';
  isSmall?: boolean;
  isDisabled?: boolean;
  children: ComponentChildren;
}

export function Button({ onClick, needs, kind = '', isSmall = false, isDisabled = false, children }: ButtonProps) {
  return (
    <button
      type="button"
      class={`button ${kind}${isSmall ? ' small' : ''}`}
      disabled={isDisabled}
      onClick={onClick}
      {...withheld(needs)}
    >
      {children}
    </button>
  );
}

interface ActionProps {
  /** Success message; absent if the page itself shows the result. */
  done?: string;
  run: () => Promise<unknown>;
  needs?: Role;
  kind?: ButtonProps['kind'];
  isSmall?: boolean;
  isDisabled?: boolean;
  children: ComponentChildren;
}

export function Action({ run, done, needs, kind = '', isSmall = false, isDisabled = false, children }: ActionProps) {
  const [isBusy, setBusy] = useState(false);
  const click = async () => {
    setBusy(true);
    try {
      await run();
      if (done !== undefined) tell(done);
    } catch (error) {
      tell((error as Error).message);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Button kind={kind} isSmall={isSmall} isDisabled={isDisabled || isBusy} needs={needs} onClick={() => void click()}>
      {children}
    </Button>
  );
}

interface DialogProps {
  title: string;
  onClose: () => void;
  /** Label and action of the confirm button; absent for a dialog that only shows something. */
  submit?: string;
  onSubmit?: () => Promise<unknown>;
  isDanger?: boolean;
  /** Label of the button that closes it. */
  close?: string;
  children: ComponentChildren;
}

export function Dialog({ title, onClose, submit, onSubmit, isDanger = false, close, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [opener] = useState(() => document.activeElement as HTMLElement | null);
  const [error, setError] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  // Before the browser draws: an Escape in between would be lost.
  useLayoutEffect(() => {
    dialog.current?.showModal();
    // The element is removed without `close()`, so the browser does not restore the focus. Deferred, because nothing outside of
    // a modal dialog can have the focus while its element exists.
    return () => queueMicrotask(() => opener?.focus());
  }, []);
  const send = async (event: Event) => {
    event.preventDefault();
    if (onSubmit === undefined) return onClose();
    setBusy(true);
    setError(null);
    try {
      await onSubmit();
    } catch (problem) {
      setError((problem as Error).message);
    } finally {
      setBusy(false);
    }
  };
  return (
    <dialog ref={dialog} aria-label={title} onClose={onClose}>
      <form class="form" onSubmit={(event) => void send(event)}>
        <h2>{title}</h2>
        {children}
        {error === null ? null : (
          <div class="notice bad" role="alert">
            {error}
          </div>
        )}
        <div class="actions">
          {/* As Escape does: the browser gives the focus back, and `onClose` follows. */}
          <button type="button" class="button" onClick={() => dialog.current?.close()}>
            {close ?? (submit === undefined ? 'Close' : 'Cancel')}
          </button>
          {submit === undefined ? null : (
            <button type="submit" class={`button ${isDanger ? 'danger' : 'main'}`} disabled={isBusy}>
              {submit}
            </button>
          )}
        </div>
      </form>
    </dialog>
  );
}
