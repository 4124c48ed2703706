// Holds of providers, deployments and credentials: who placed one and why; place and release.
import { useState } from 'preact/hooks';
import { call, post } from '../api/client.ts';
import { refresh } from '../api/query.ts';
import type { Hold } from '../api/types.ts';
import { Action, Button, Dialog } from '../parts/actions.tsx';
import { ago } from '../parts/format.ts';
import { Text } from '../parts/panel.tsx';

export function HoldNotice({ hold }: { hold: Hold | null }) {
  if (hold === null) return null;
  return (
    <div class="notice warn">
      Held {ago(hold.since)}: {hold.reason}
    </div>
  );
}

interface HoldButtonProps {
  what: { provider: string } | { deployment: string } | { credential: string };
  /** The name for `DELETE /admin/holds/…`. */
  name: string;
  hold: Hold | null;
  isSmall?: boolean;
}

export function HoldButton({ what, name, hold, isSmall = false }: HoldButtonProps) {
  const [isAsking, setAsking] = useState(false);
  const [reason, setReason] = useState('');
  if (hold !== null) {
    const release = async () => {
      await call('DELETE', `/holds/${name.split('/').map(encodeURIComponent).join('/')}`);
      refresh('/providers');
    };
    return (
      <Action needs="operator" run={release} done="Released." isSmall={isSmall}>
        Release
      </Action>
    );
  }
  const place = async () => {
    await post('/holds', { ...what, ...(reason === '' ? {} : { reason }) });
    refresh('/providers');
    setAsking(false);
  };
  return (
    <>
      <Button needs="operator" isSmall={isSmall} onClick={() => setAsking(true)}>
        Hold …
      </Button>
      {isAsking ? (
        <Dialog
          title={`Hold ${name.replace(':', ' ')}`}
          submit="Hold"
          onSubmit={place}
          onClose={() => setAsking(false)}
        >
          <p class="muted">
            It receives no new calls until it is released. Calls in flight finish; requests wait or use a fallback.
          </p>
          <Text label="Reason (visible to other operators)" value={reason} onChange={setReason} maxLength={500} />
        </Dialog>
      ) : null}
    </>
  );
}
