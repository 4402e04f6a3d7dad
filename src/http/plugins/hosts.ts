// Which names of this service a request may use. A page in a browser may have its own name resolve to 127.0.0.1 (DNS
// rebinding): to the browser this service is then the page's own, and only the Host header tells.
import type { IncomingMessage } from 'node:http';
import { isLoopback } from './addresses.ts';

const ownNames = ['localhost', '127.0.0.1', '[::1]'];

interface HostsOptions {
  /** The address that the server listens on. */
  address: string;
  apiKeys: readonly string[];
  allowedHosts: readonly string[];
}

/**
 * The names of this service; undefined when every name is accepted. That is so with API keys, which a page does not have, and on
 * a network address, which a page could reach without DNS rebinding, too.
 */
export function acceptedHosts({ address, apiKeys, allowedHosts }: HostsOptions): readonly string[] | undefined {
  if (apiKeys.length > 0 || !isLoopback(address)) return undefined;
  return [...ownNames, bracketed(address), ...allowedHosts];
}

/** An address in the form that a URL has. */
export const bracketed = (address: string): string => (address.includes(':') ? `[${address}]` : address);

/** The target's own authority wins over the Host header (RFC 9112 section 3.2.2). */
const authorityOf = ({ url = '', headers }: IncomingMessage): string | undefined =>
  url.startsWith('/') ? headers.host : (/^https?:\/\/([^/?#]*)/i.exec(url)?.[1] ?? headers.host);

/** Says whether a request is for one of these names, with any port. HTTP/1.0 may name none, and no browser speaks it. */
export function createHostCheck(names: readonly string[]): (request: IncomingMessage) => boolean {
  const escaped = names.map((name) => name.replace(/[.[\]]/g, String.raw`\$&`));
  const pattern = new RegExp(`^(?:${escaped.join('|')})(?::\\d{0,5})?$`, 'i');
  // Most callers name the same host again and again.
  let lastAccepted = ownNames[0] as string;
  return (request) => {
    const authority = authorityOf(request) ?? lastAccepted;
    if (authority === lastAccepted) return true;
    const isAccepted = pattern.test(authority);
    if (isAccepted) lastAccepted = authority;
    return isAccepted;
  };
}
