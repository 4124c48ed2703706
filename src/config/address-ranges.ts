// IP addresses and ranges, as used in the configuration to name proxies.
import { BlockList, isIP } from 'node:net';

export function isAddressRange(text: string): boolean {
  return readRange(text) !== null;
}

/** Returns a test for addresses in these ranges, IPv4-mapped IPv6 addresses included. The ranges must be valid. */
export function addressMatcher(ranges: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const range of ranges) {
    const { address, bits, family } = readRange(range)!;
    list.addSubnet(address, bits, family);
  }
  return (address) => {
    const plain = address.replace(/^::ffff:/, '');
    const version = isIP(plain);
    return version !== 0 && ranges.length > 0 && list.check(plain, version === 4 ? 'ipv4' : 'ipv6');
  };
}

function readRange(text: string): { address: string; bits: number; family: 'ipv4' | 'ipv6' } | null {
  const [, address, said] = /^([0-9a-fA-F.:]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const version = isIP(address ?? '');
  if (address === undefined || version === 0) return null;
  const most = version === 4 ? 32 : 128;
  const bits = said === undefined ? most : Number(said);
  return bits > most ? null : { address, bits, family: version === 4 ? 'ipv4' : 'ipv6' };
}
