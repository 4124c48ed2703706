// A real OpenID Connect provider: with sign-in pages, groups, and sign-out. Any password is accepted.
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider from 'oidc-provider';
import type { Page } from 'playwright-core';

export interface TestIssuer {
  url: string;
  clientId: string;
  clientSecret: string;
  /** Nothing but broken connections until it is opened, for the console at this address; and again while it is away. */
  open(consoleUrl: string): void;
  setAway(isAway: boolean): void;
  close(): Promise<void>;
}

export interface Person {
  email: string;
  email_verified: boolean;
  groups: readonly string[];
}

export async function startIssuer(people: Readonly<Record<string, Person>>): Promise<TestIssuer> {
  const [clientId, clientSecret] = ['sluice-console', 'a-secret-of-the-console'];
  let listener: RequestListener | null = null;
  let isAway = false;
  const server: Server = createServer((request, reply) => {
    if (listener === null || isAway) request.socket.destroy();
    else listener(request, reply);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // Another site than the console's: cookies are kept from what comes from there.
  const url = `http://localhost:${(server.address() as AddressInfo).port}`;
  return {
    url,
    clientId,
    clientSecret,
    open(consoleUrl) {
      const provider = new Provider(url, {
        clients: [
          {
            client_id: clientId,
            client_secret: clientSecret,
            redirect_uris: [`${consoleUrl}/admin/sign-in/callback`],
            post_logout_redirect_uris: [`${consoleUrl}/console/`],
          },
        ],
        claims: { openid: ['sub'], email: ['email', 'email_verified'], groups: ['groups'] },
        cookies: { keys: ['a key of this test'] },
        findAccount: (_context: unknown, id: string) => ({
          accountId: id,
          claims: () => ({ sub: id, ...people[id] }),
        }),
      });
      listener = provider.callback();
    },
    setAway(away) {
      isAway = away;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** On the provider's pages, which the console has led to. */
export async function signInAtIssuer(page: Page, login: string): Promise<void> {
  await page.locator('input[name=login]').fill(login);
  await page.locator('input[name=password]').fill('any');
  await page.locator('button[type=submit]').click();
  await page.getByRole('button', { name: 'Continue' }).click();
}
