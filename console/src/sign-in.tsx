// Sign-in by OpenID Connect, if configured, and by admin key, which also works while the identity provider is unavailable.
import { useEffect, useState } from 'preact/hooks';
import { findOtherSignIn, type OtherSignIn, signIn } from './api/client.ts';
import { Text, Trouble } from './parts/panel.tsx';

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
    signIn(key.trim()).then(onSignedIn, setError);
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
          It is <code>SLUICE_ADMIN_KEY</code>, or stands in <code>.sluice/admin-key</code> where <code>npm start</code>{' '}
          made one.
        </p>
      </form>
    </main>
  );
}
