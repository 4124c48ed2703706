// The live figures: the last hour and updates since. Reconnects by itself and then reads the whole hour again. Hidden pages close
// the connection: it costs the server something, and browsers allow six connections per host over all tabs.
import { useEffect, useState } from 'preact/hooks';
import { resumeSession } from './client.ts';
import type { LiveNow, LiveSlice } from './types.ts';

export interface Live {
  state: 'connecting' | 'live' | 'lost';
  /** Something has been received: what is missing is none, not unknown. */
  isKnown: boolean;
  sliceMs: number;
  /** By start time; intervals without events are missing. */
  slices: ReadonlyMap<number, LiveSlice>;
  now: LiveNow | null;
}

const HOUR_MS = 3_600_000;
const RETRY_MS = 1_000;

export function useLive(): Live {
  const [live, setLive] = useState<Live>({
    state: 'connecting',
    isKnown: false,
    sliceMs: 10_000,
    slices: new Map(),
    now: null,
  });
  useEffect(() => follow(setLive), []);
  return live;
}

function follow(setLive: (change: (live: Live) => Live) => void): () => void {
  let source: EventSource | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isOver = false;

  function connect(): void {
    if (isOver || document.hidden) return;
    source = new EventSource('/admin/live');
    source.addEventListener('history', (event) => {
      const { slices, slice_ms: sliceMs } = JSON.parse((event as MessageEvent<string>).data) as {
        slices: LiveSlice[];
        slice_ms: number;
      };
      setLive((live) => ({
        ...live,
        state: 'live',
        isKnown: true,
        sliceMs,
        slices: new Map(slices.map((slice) => [slice.at, slice])),
      }));
    });
    source.addEventListener('now', (event) => {
      const now = JSON.parse((event as MessageEvent<string>).data) as LiveNow;
      setLive((live) => ({ ...live, state: 'live', isKnown: true, now, slices: withLatest(live.slices, now) }));
    });
    source.onerror = () => {
      disconnect();
      setLive((live) => ({ ...live, state: 'lost' }));
      timer = setTimeout(() => void comeBack(), RETRY_MS);
    };
  }

  /** After the session has ended there are no more reconnects; the sign-in is shown. */
  async function comeBack(): Promise<void> {
    await resumeSession().catch(() => false);
    connect();
  }

  function disconnect(): void {
    clearTimeout(timer);
    source?.close();
    source = null;
  }

  function onSight(): void {
    if (document.hidden) disconnect();
    else if (source === null) connect();
  }

  document.addEventListener('visibilitychange', onSight);
  connect();
  return () => {
    isOver = true;
    document.removeEventListener('visibilitychange', onSight);
    disconnect();
  };
}

function withLatest(slices: ReadonlyMap<number, LiveSlice>, now: LiveNow): Map<number, LiveSlice> {
  const all = new Map(slices);
  for (const slice of now.slices) all.set(slice.at, slice);
  for (const at of all.keys()) if (at < now.at - HOUR_MS) all.delete(at);
  return all;
}
