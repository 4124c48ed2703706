// The shell: sign-in, navigation, and the page for the current route. Each page is a separate chunk, loaded on first use.

import { useEffect, useRef, useState } from 'preact/hooks';
import { LocationProvider, lazy, Route, Router, useLocation } from 'preact-iso';
import { resumeSession, signOut, whenSignedOut, whoIsIn } from './api/client.ts';
import { CURRENT_ALERTS, queries, useQuery } from './api/query.ts';
import { Toasts } from './parts/actions.tsx';
import { Badge, Empty, Page, Trouble } from './parts/panel.tsx';
import { toggleTheme, useTheme } from './parts/theme.ts';
import { SignIn } from './sign-in.tsx';

const PAGES = [
  { path: '/console', title: 'Now', page: lazy(() => import('./pages/now.tsx')) },
  { path: '/console/alerts', title: 'Alerts', page: lazy(() => import('./pages/alerts.tsx')) },
  { path: '/console/requests', title: 'Requests', page: lazy(() => import('./pages/requests.tsx')) },
  { path: '/console/providers', title: 'Providers', page: lazy(() => import('./pages/providers.tsx')) },
  { path: '/console/batches', title: 'Batches', page: lazy(() => import('./pages/batches.tsx')) },
  { path: '/console/money', title: 'Money', page: lazy(() => import('./pages/money.tsx')) },
  { path: '/console/accounts', title: 'Accounts', page: lazy(() => import('./pages/accounts.tsx')) },
  { path: '/console/keys', title: 'Keys', page: lazy(() => import('./pages/keys.tsx')) },
  { path: '/console/dead-letters', title: 'Dead letters', page: lazy(() => import('./pages/dead-letters.tsx')) },
  { path: '/console/webhooks', title: 'Webhooks', page: lazy(() => import('./pages/webhooks.tsx')) },
  { path: '/console/playground', title: 'Playground', page: lazy(() => import('./pages/playground.tsx')) },
  { path: '/console/simulator', title: 'Simulator', page: lazy(() => import('./pages/simulator.tsx')) },
  { path: '/console/operators', title: 'Operators', page: lazy(() => import('./pages/operators.tsx')) },
  { path: '/console/audit', title: 'Audit log', page: lazy(() => import('./pages/audit.tsx')) },
  { path: '/console/settings', title: 'Settings', page: lazy(() => import('./pages/settings.tsx')) },
] as const;
const RequestPage = lazy(() => import('./pages/request.tsx'));

export function App() {
  return (
    <LocationProvider scope="/console">
      <Gate />
      <Toasts />
    </LocationProvider>
  );
}

type Standing = 'asking' | 'out' | 'in';

function Gate() {
  const [standing, setStanding] = useState<Standing>('asking');
  const [error, setError] = useState<Error | null>(null);
  useEffect(() => {
    whenSignedOut(() => {
      queries.clear();
      setStanding('out');
    });
    resumeSession().then((isIn) => setStanding(isIn ? 'in' : 'out'), setError);
  }, []);
  if (error !== null) return <Trouble error={error} />;
  if (standing === 'asking') return null;
  return standing === 'in' ? <Shell /> : <SignIn onSignedIn={() => setStanding('in')} />;
}

function Shell() {
  const { path } = useLocation();
  const title = PAGES.findLast((page) => isAt(path, page.path))?.title ?? 'Console';
  useEffect(() => {
    document.title = `${title} · Sluice`;
  }, [title]);
  const shown = useRef(path);
  // Moves the focus to the new page, for screen readers and keyboard users.
  useEffect(() => {
    if (shown.current !== path) document.getElementById('content')?.focus({ preventScroll: true });
    shown.current = path;
    document.querySelector('nav [aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' });
  }, [path]);
  return (
    <div class="shell">
      <a class="skip" href="#content">
        Skip to content
      </a>
      <Side path={path} />
      <main id="content" tabIndex={-1}>
        <Router>
          {PAGES.map((page) => (
            <Route key={page.path} path={page.path} component={page.page} />
          ))}
          <Route path="/console/requests/:id" component={RequestPage} />
          <Route default component={NotFound} />
        </Router>
      </main>
    </div>
  );
}

function Side({ path }: { path: string }) {
  const theme = useTheme();
  return (
    <div class="side">
      <div class="brand">
        <img src="/console/icon.svg" alt="" />
        <span>Sluice</span>
      </div>
      <nav aria-label="Pages">
        {PAGES.map((page) => (
          <a key={page.path} href={page.path} {...(isAt(path, page.path) ? { 'aria-current': 'page' as const } : {})}>
            {page.title}
            {page.title === 'Alerts' ? <CurrentAlerts /> : null}
          </a>
        ))}
      </nav>
      <p class="who muted">
        {whoIsIn()?.operator} · {whoIsIn()?.role}
      </p>
      <div class="foot">
        <button type="button" class="button small" onClick={toggleTheme}>
          {theme === 'dark' ? 'Light' : 'Dark'}
        </button>
        <button type="button" class="button small" onClick={() => void signOut()}>
          Sign out
        </button>
      </div>
    </div>
  );
}

/** The number of open alerts. */
function CurrentAlerts() {
  const current = useQuery<{ data: object[]; has_more: boolean }>(...CURRENT_ALERTS).data;
  if (current === undefined || current.data.length === 0) return null;
  return (
    <>
      {' '}
      <Badge tone="bad">
        {current.data.length}
        {current.has_more ? '+' : ''}
      </Badge>
    </>
  );
}

function isAt(path: string, page: string): boolean {
  return page === '/console' ? path === page || path === '/console/' : path.startsWith(page);
}

function NotFound() {
  return (
    <Page title="Not found">
      <Empty>
        Page not found. <a href="/console">Now</a> shows what happens at the moment.
      </Empty>
    </Page>
  );
}
