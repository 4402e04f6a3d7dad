// IP addresses in ranges: the addresses of this machine, and those of trusted proxies.
import { BlockList, isIPv6 } from 'node:net';

export type AddressRange = (address: string) => boolean;

/** @param ranges addresses, or networks such as `10.0.0.0/8` */
export function createAddressRange(ranges: readonly string[]): AddressRange {
  const list = new BlockList();
  const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIPv6(address) ? 'ipv6' : 'ipv4');
  for (const range of ranges) {
    const [address, bits] = range.split('/') as [string, string?];
    if (bits === undefined) list.addAddress(address, familyOf(address));
    else list.addSubnet(address, Number(bits), familyOf(address));
  }
  return (address) => list.check(address, familyOf(address));
}

export const isLoopback = createAddressRange(['127.0.0.0/8', '::1']);

/** The unit that limits count: an IPv4 address, or an IPv6 network of 64 bits, the smallest that a customer gets (RFC 6177). */
export function sourceOf(address = ''): string {
  if (!isIPv6(address)) return address;
  const mapped = /^::ffff:([\d.]+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  const [head, tail] = address.split('::') as [string, string?];
  const groups = head === '' ? [] : head.split(':');
  const missing = tail === undefined ? 0 : 8 - groups.length - (tail === '' ? 0 : tail.split(':').length);
  return [...groups, ...Array<string>(missing).fill('0'), ...(tail ?? '').split(':')].slice(0, 4).join(':');
}
