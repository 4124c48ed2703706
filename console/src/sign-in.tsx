// Sign-in by OpenID Connect, if configured, and by admin key, which also works while the identity provider is unavailable.
import { useEffect, useState } from 'preact/hooks';
import { type ApiError, findOtherSignIn, type OtherSignIn, signIn } from './api/client.ts';
import { Text, Trouble } from './parts/panel.tsx';

/** What the server says of any key that it does not know. */
const NO_KEY = 'An admin key is required.';

export function SignIn({ onSignedIn }: { onSignedIn: () => void }) {
  const [key, setKey] = useState('');
  const [other, setOther] = useState<OtherSignIn | null>(null);
  const [error, setError] = useState<Error | null>(null);
  useEffect(() => {
    findOtherSignIn().then(setOther, () => undefined);
  }, []);
  const submit = (event: Event) => {
    event.preventDefault();
    setError(null);
    signIn(key.trim()).then(onSignedIn, (problem: ApiError) =>
      setError(problem.message === NO_KEY ? new Error('This is not a valid admin key.') : problem),
    );
  };
  return (
    <main class="sign-in">
      <form onSubmit={submit}>
        <div class="brand">
          <img src="/console/icon.svg" alt="" />
          <h1>Sluice</h1>
        </div>
        {other === null ? null : (
          <a class="button main" href={`${other.path}?to=${encodeURIComponent(location.pathname + location.search)}`}>
            Sign in with {other.name}
          </a>
        )}
        <Text
          label="Admin key"
          type="password"
          value={key}
          onChange={setKey}
          autocomplete="current-password"
          required
        />
        <button type="submit" class={`button${other === null ? ' main' : ''}`}>
          {other === null ? 'Sign in' : 'Sign in with the key'}
        </button>
        {error === null ? null : <Trouble error={error} />}
        <p class="muted">
          The value of <code>SLUICE_ADMIN_KEY</code>. Without that variable, <code>npm start</code> writes a key to{' '}
          <code>.sluice/admin-key</code>.
        </p>
      </form>
    </main>
  );
}
