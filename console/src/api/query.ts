// The query cache: pages read through `useQuery`, share responses, and keep showing old data while it is refreshed.
import { QueryClient, QueryObserver, type QueryObserverResult } from '@tanstack/query-core';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { ApiError, get, type Query } from './client.ts';

export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 2_000,
      refetchOnWindowFocus: true,
      retry: (count, error) => error instanceof ApiError && (error.status === 0 || error.status === 503) && count < 30,
      retryDelay: 1_000,
    },
  },
});
queries.mount();

interface Options<T> {
  /** Refresh interval while the page is visible. A function must be a constant; it returns false when the result is final. */
  everyMs?: number | ((data: T | undefined, error: Error | null) => number | false);
  isOff?: boolean;
}

export type Result<T> = Pick<QueryObserverResult<T>, 'data' | 'error' | 'isPending' | 'refetch'>;

export function useQuery<T>(path: string, query: Query = {}, { everyMs, isOff = false }: Options<T> = {}): Result<T> {
  const name = JSON.stringify([path, query]);
  const observer = useMemo(
    () =>
      new QueryObserver<T>(queries, {
        queryKey: [path, query],
        queryFn: () => get<T>(path, query),
        enabled: !isOff,
        refetchInterval:
          typeof everyMs === 'function' ? ({ state }) => everyMs(state.data, state.error) : (everyMs ?? false),
      }),
    [name, everyMs, isOff],
  );
  const [result, setResult] = useState(() => observer.getCurrentResult());
  useEffect(() => {
    setResult(observer.getCurrentResult());
    return observer.subscribe(setResult);
  }, [observer]);
  return result;
}

/** The query for open alerts, which the menu and the alerts page share. */
export const CURRENT_ALERTS = ['/alerts', { state: 'current', limit: 100 }, { everyMs: 15_000 }] as const;

/** Refreshes all visible queries under these paths. */
export function refresh(...paths: string[]): void {
  void queries.invalidateQueries({
    predicate: ({ queryKey }) => paths.some((path) => String(queryKey[0]).startsWith(path)),
  });
}
