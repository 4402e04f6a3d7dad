// Which addresses the whole internet can reach, and which addresses a range has. The names of the special ranges are
// ipaddr.js's: it keeps IANA's registries of them, and an address that it cannot read is an exception and not a "no".
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

type Address = ReturnType<typeof ipaddr.parse>;

/** Undefined for what is no address, and for one with a zone: it is of one link. */
function read(text: string): Address | undefined {
  const family = isIP(text);
  if (family === 0 || text.includes('%')) return undefined;
  // In hexadecimal: ipaddr.js takes `::8.8.8.8` for `::ffff:8.8.8.8`, which is another address.
  const plain = family === 4 ? text : new URL(`http://[${text}]/`).hostname.slice(1, -1);
  return withoutWrapping(ipaddr.parse(plain));
}

/** NAT64's well-known prefix (RFC 6052). It is followed by the IPv4 address that is meant. */
const nat64 = ipaddr.parseCIDR('64:ff9b::/96');

/** The IPv4 address that an IPv6 address stands for, IPv4-mapped or of NAT64: that one is connected to. */
function withoutWrapping(address: Address): Address {
  if (!('parts' in address)) return address;
  if (address.isIPv4MappedAddress()) return address.toIPv4Address();
  return address.match(nat64) ? ipaddr.fromByteArray(address.toByteArray().slice(-4)) : address;
}

/** All that IANA has given out for use (RFC 4291): outside of it ipaddr.js calls unassigned addresses `unicast`, too. */
const globalUnicast = ipaddr.parseCIDR('2000::/3');
/** Azure's services for its own machines, metadata among them; the one such address that looks public. */
const azureHost = '168.63.129.16';

/** No loopback, private, link-local (metadata), carrier, multicast, reserved or unassigned address, in whatever form. */
export function isGloballyRoutable(text: string): boolean {
  const address = read(text);
  if (address === undefined || address.range() !== 'unicast') return false;
  return address.kind() === 'ipv6' ? address.match(globalUnicast) : address.toString() !== azureHost;
}

export type Ranges = (address: string) => boolean;

/** @param ranges as `10.0.0.0/8`, `fd00::/8` */
export function createRanges(ranges: readonly string[]): Ranges {
  const parsed = ranges.map((range) => ipaddr.parseCIDR(range));
  return (text) => {
    const address = read(text);
    return parsed.some(([first, bits]) => first.kind() === address?.kind() && address.match([first, bits] as never));
  };
}
