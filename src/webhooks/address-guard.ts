// Which addresses webhooks may reach. Users choose the URL, but the request comes from inside our network: without this
// check it could reach what only this machine can (metadata services, databases, admin pages).
import { type LookupAddress, type LookupOptions, lookup } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';

export interface AddressGuard {
  /**
   * Throws an AddressRefused for a scheme or port that is not allowed, and for a host that is a forbidden address. Names
   * are checked by `lookup`. An address in an allowed network may have any port and need not use TLS.
   */
  checkUrl(url: string): void;
  /** For sockets: resolves names and refuses those with a forbidden address, so the address checked is the one called. */
  lookup: LookupFunction;
}

export class AddressRefused extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'AddressRefused';
  }
}

function notPublic(address: string): AddressRefused {
  return new AddressRefused(`${address} is not a public address; webhooks.allowed_networks allows private ones`);
}

/** Public addresses that clouds use for their own machines: Azure's WireServer, IBM Cloud's service endpoints. */
const CLOUD_V4 = ['168.63.129.16/32', '161.26.0.0/16', '166.8.0.0/14'];

/** Not reachable from the public internet (IANA special-purpose registry, IPv4). */
const PRIVATE_V4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  ...CLOUD_V4,
  '224.0.0.0/4',
  '240.0.0.0/4',
];
/** All public IPv6 addresses are in here; `PRIVATE_V6` excludes those that embed or represent other addresses. */
const PUBLIC_V6 = '2000::/3';
const PRIVATE_V6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'];

export interface AddressRules {
  /** Networks (`10.1.0.0/16`) or addresses that are allowed although they are not public. */
  networks?: readonly string[];
  isPlainAllowed?: boolean;
  ports?: readonly number[];
}

const HTTPS_PORT = 443;
const HTTP_PORT = 80;

export function createAddressGuard({ networks = [], isPlainAllowed = false, ports = [] }: AddressRules): AddressGuard {
  const exceptions = blockListOf(networks);
  const allowedPorts = new Set([...ports, HTTPS_PORT, ...(isPlainAllowed ? [HTTP_PORT] : [])]);
  const privateV4 = blockListOf(PRIVATE_V4);
  const publicV6 = blockListOf([PUBLIC_V6]);
  const privateV6 = blockListOf(PRIVATE_V6);

  function isAllowed(address: string): boolean {
    const mapped = embeddedV4(address);
    if (mapped !== null) return isAllowed(mapped);
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (exceptions.check(address, family)) return true;
    if (family === 'ipv4') return !privateV4.check(address, family);
    return publicV6.check(address, family) && !privateV6.check(address, family);
  }

  function isException(host: string): boolean {
    const address = embeddedV4(host) ?? host;
    return isIP(address) !== 0 && exceptions.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
  }

  return {
    checkUrl(url) {
      const { hostname, protocol, port } = new URL(url);
      const host = hostname.replace(/^\[|\]$/g, '');
      if (isException(host)) return;
      if (isIP(host) !== 0 && !isAllowed(host)) throw notPublic(host);
      if (protocol !== 'https:' && !isPlainAllowed) {
        throw new AddressRefused('receivers must have an https URL; webhooks.allow_http allows http');
      }
      const number = port === '' ? (protocol === 'https:' ? HTTPS_PORT : HTTP_PORT) : Number(port);
      if (!allowedPorts.has(number)) {
        throw new AddressRefused(
          `port ${number} is not allowed; webhooks.allowed_ports can allow ports other than ${HTTPS_PORT}`,
        );
      }
    },
    lookup(hostname, options, callback) {
      const wanted: LookupOptions & { all: true } = { ...(options as LookupOptions), all: true };
      lookup(hostname, wanted, (error, addresses: LookupAddress[]) => {
        if (error !== null) return callback(error, '', 0);
        // One forbidden address among others is enough for an attacker who controls the name.
        const refused = addresses.find(({ address }) => !isAllowed(address));
        if (refused !== undefined) return callback(notPublic(`${hostname} (${refused.address})`), '', 0);
        if ((options as LookupOptions).all === true) return callback(null, addresses);
        callback(null, addresses[0]!.address, addresses[0]!.family);
      });
    },
  };
}

/** `::ffff:127.0.0.1`, in any notation, is 127.0.0.1. */
function embeddedV4(address: string): string | null {
  if (isIP(address) !== 6) return null;
  const host = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const match = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(host);
  if (match === null) return null;
  const [high, low] = [Number.parseInt(match[1]!, 16), Number.parseInt(match[2]!, 16)];
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

function blockListOf(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', bits] = network.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return list;
}
