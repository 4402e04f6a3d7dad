// IP addresses in ranges: which are this machine's own, and which belong to somebody who is trusted.
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
