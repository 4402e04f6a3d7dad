// The host names that a request may use. A page in a browser may have its own name resolve to 127.0.0.1 (DNS rebinding). To the
// browser this service is then the page's own, and only the Host header shows the difference.
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
 * The accepted names of this service. Undefined: every name is accepted, because API keys are set, which a page of another site
 * does not have, or because the address is on a network, where a page could reach it without DNS rebinding, too.
 */
export function acceptedHosts({ address, apiKeys, allowedHosts }: HostsOptions): readonly string[] | undefined {
  if (apiKeys.length > 0 || !isLoopback(address)) return undefined;
  return [...ownNames, bracketed(address), ...allowedHosts];
}

/** An address in the form that a URL has. */
export const bracketed = (address: string): string => (address.includes(':') ? `[${address}]` : address);

/** The authority in the request's target counts before the Host header (RFC 9112 section 3.2.2). */
const authorityOf = ({ url = '', headers }: IncomingMessage): string | undefined =>
  url.startsWith('/') ? headers.host : (/^https?:\/\/([^/?#]*)/i.exec(url)?.[1] ?? headers.host);

/** True when a request is for one of these names, with any port. HTTP/1.0 may name no host, and no browser speaks it. */
export function createHostCheck(names: readonly string[]): (request: IncomingMessage) => boolean {
  const escaped = names.map((name) => name.replace(/[.[\]]/g, String.raw`\$&`));
  const pattern = new RegExp(`^(?:${escaped.join('|')})(?::\\d{0,5})?$`, 'i');
  // Most callers name the same host each time.
  let lastAccepted = ownNames[0] as string;
  return (request) => {
    const authority = authorityOf(request) ?? lastAccepted;
    if (authority === lastAccepted) return true;
    const isAccepted = pattern.test(authority);
    if (isAccepted) lastAccepted = authority;
    return isAccepted;
  };
}
