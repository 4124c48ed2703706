// Whoever may register a URL must not reach what only this machine can.
import type { LookupFunction } from 'node:net';
import { describe, expect, test } from 'vitest';
import { type AddressGuard, AddressRefused, createAddressGuard } from '#src/webhooks/address-guard.ts';

const strict = createAddressGuard([]);
/** As `new URL` leaves it: IPv6 in brackets, odd spellings made plain. */
const hostOf = (host: string) => new URL(`http://${host}/`).hostname;

describe('addresses in a URL', () => {
  test.each([
    '127.0.0.1',
    '127.1',
    '2130706433',
    '0x7f000001',
    '0.0.0.0',
    '10.1.2.3',
    '100.64.0.1',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '224.0.0.1',
    '255.255.255.255',
    '[::1]',
    '[::]',
    '[::ffff:127.0.0.1]',
    '[::ffff:a9fe:a9fe]',
    '[64:ff9b::7f00:1]',
    '[2002:7f00:1::]',
    '[2001:db8::1]',
    '[fc00::1]',
    '[fe80::1]',
    '[ff02::1]',
  ])('%s is refused', (host) => {
    expect(() => strict.checkHost(hostOf(host))).toThrow(AddressRefused);
  });

  test.each(['8.8.8.8', '172.32.0.1', '[2606:4700::1111]', '[::ffff:8.8.8.8]', 'example.com'])('%s passes', (host) => {
    expect(() => strict.checkHost(hostOf(host))).not.toThrow();
  });

  test('a network that is allowed passes, its neighbours do not', () => {
    const guard = createAddressGuard(['10.1.0.0/16', 'fd00:1::/32', '192.168.1.9']);
    for (const host of ['10.1.255.255', '[fd00:1::5]', '192.168.1.9', '[::ffff:10.1.0.1]'])
      expect(() => guard.checkHost(hostOf(host))).not.toThrow();
    for (const host of ['10.2.0.1', '[fd00:2::5]', '192.168.1.10'])
      expect(() => guard.checkHost(hostOf(host))).toThrow();
  });
});

describe('names', () => {
  test('a name of a private address is refused when it is resolved, which is when the socket opens', async () => {
    await expect(resolve(strict.lookup, false)).rejects.toThrow(/localhost.*not a public address/);
  });

  test.each([true, false])('an allowed one resolves (all: %s)', async (all) => {
    const { lookup }: AddressGuard = createAddressGuard(['127.0.0.0/8', '::1']);
    expect(JSON.stringify(await resolve(lookup, all))).toMatch(/127\.0\.0\.1|::1/);
  });
});

function resolve(lookup: LookupFunction, all: boolean): Promise<unknown> {
  return new Promise((done, reject) =>
    lookup('localhost', { all }, (error, address) => (error === null ? done(address) : reject(error))),
  );
}
