// A user who may register a URL must not reach what only this machine can.
import type { LookupFunction } from 'node:net';
import { describe, expect, test } from 'vitest';
import { type AddressGuard, AddressRefused, createAddressGuard } from '#src/webhooks/address-guard.ts';

const strict = createAddressGuard({});
const urlOf = (host: string) => `https://${host}/`;

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
    '168.63.129.16',
    '166.9.0.1',
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
    expect(() => strict.checkUrl(urlOf(host))).toThrow(AddressRefused);
  });

  test.each(['8.8.8.8', '172.32.0.1', '[2606:4700::1111]', '[::ffff:8.8.8.8]', 'example.com'])(
    '%s is accepted',
    (host) => {
      expect(() => strict.checkUrl(urlOf(host))).not.toThrow();
    },
  );

  test('an allowed network is accepted, its neighbours are not', () => {
    const guard = createAddressGuard({ networks: ['10.1.0.0/16', 'fd00:1::/32', '192.168.1.9'] });
    for (const host of ['10.1.255.255', '[fd00:1::5]', '192.168.1.9', '[::ffff:10.1.0.1]'])
      expect(() => guard.checkUrl(urlOf(host))).not.toThrow();
    for (const host of ['10.2.0.1', '[fd00:2::5]', '192.168.1.10']) expect(() => guard.checkUrl(urlOf(host))).toThrow();
  });
});

describe('scheme and port', () => {
  test.each([
    ['plain', {}, 'http://8.8.8.8/', /https/],
    ['another port', {}, 'https://8.8.8.8:6379/', /port 6379/],
    ['the plain port with TLS', { isPlainAllowed: true }, 'http://8.8.8.8:8080/', /port 8080/],
  ])('%s is refused', (_name, rules, url, reason) => {
    expect(() => createAddressGuard(rules).checkUrl(url)).toThrow(reason);
  });

  test.each([
    ['https', {}, 'https://hooks.example.com/a'],
    ['plain, where that is allowed', { isPlainAllowed: true }, 'http://hooks.example.com/a'],
    ['a port that is allowed', { ports: [8443] }, 'https://hooks.example.com:8443/a'],
    ['anything within a network that is allowed', { networks: ['10.1.0.0/16'] }, 'http://10.1.2.3:9000/a'],
  ])('%s is accepted', (_name, rules, url) => {
    expect(() => createAddressGuard(rules).checkUrl(url)).not.toThrow();
  });
});

describe('names', () => {
  test('a name with a private address is refused when it is resolved, as the socket opens', async () => {
    await expect(resolve(strict.lookup, false)).rejects.toThrow(/localhost.*not a public address/);
  });

  test.each([true, false])('an allowed name resolves (all: %s)', async (all) => {
    const { lookup }: AddressGuard = createAddressGuard({ networks: ['127.0.0.0/8', '::1'] });
    expect(JSON.stringify(await resolve(lookup, all))).toMatch(/127\.0\.0\.1|::1/);
  });
});

function resolve(lookup: LookupFunction, all: boolean): Promise<unknown> {
  return new Promise((done, reject) =>
    lookup('localhost', { all }, (error, address) => (error === null ? done(address) : reject(error))),
  );
}
