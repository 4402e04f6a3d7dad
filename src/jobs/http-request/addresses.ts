// Which addresses the whole internet can reach, and which addresses a range has. ipaddr.js keeps IANA's registries of special
// ranges. It throws for an address that it cannot read.
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

type Address = ReturnType<typeof ipaddr.parse>;

/** Undefined for a text that is no address, and for an address with a zone, which is valid on one link only. */
function read(text: string): Address | undefined {
  const family = isIP(text);
  if (family === 0 || text.includes('%')) return undefined;
  // In hexadecimal, because ipaddr.js reads `::8.8.8.8` as `::ffff:8.8.8.8`, which is another address.
  const plain = family === 4 ? text : new URL(`http://[${text}]/`).hostname.slice(1, -1);
  return withoutWrapping(ipaddr.parse(plain));
}

/** NAT64's well-known prefix (RFC 6052). The IPv4 address follows it. */
const nat64 = ipaddr.parseCIDR('64:ff9b::/96');

/** The IPv4 address inside an IPv4-mapped or NAT64 address, because the system connects to that address. */
function withoutWrapping(address: Address): Address {
  if (!('parts' in address)) return address;
  if (address.isIPv4MappedAddress()) return address.toIPv4Address();
  return address.match(nat64) ? ipaddr.fromByteArray(address.toByteArray().slice(-4)) : address;
}

/** The range that IANA has given out for use (RFC 4291). ipaddr.js calls unassigned addresses outside of it `unicast`, too. */
const globalUnicast = ipaddr.parseCIDR('2000::/3');
/** Azure's services for its own machines, metadata among them. No other address of this kind looks public. */
const azureHost = '168.63.129.16';

/** False for a loopback, private, link-local (metadata), carrier, multicast, reserved or unassigned address, in any form. */
export function isGloballyRoutable(text: string): boolean {
  const address = read(text);
  if (address === undefined || address.range() !== 'unicast') return false;
  return address.kind() === 'ipv6' ? address.match(globalUnicast) : address.toString() !== azureHost;
}

export type Ranges = (address: string) => boolean;

/** @param ranges for example `10.0.0.0/8` and `fd00::/8` */
export function createRanges(ranges: readonly string[]): Ranges {
  const parsed = ranges.map((range) => ipaddr.parseCIDR(range));
  return (text) => {
    const address = read(text);
    return parsed.some(([first, bits]) => first.kind() === address?.kind() && address.match([first, bits] as never));
  };
}
