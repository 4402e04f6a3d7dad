// Decides by HTTP_REQUEST_ALLOW: about a URL before its host is resolved, and about the addresses of the host.
import { isIP } from 'node:net';
import type { AllowedHost } from '../../domain/allowed-host.ts';
import { createRanges, isGloballyRoutable } from './addresses.ts';

export interface AllowList {
  /** A sentence without its subject when no entry names the URL, or no entry can. */
  problemOf(url: string): string | undefined;
  /** @param address of the host of this URL, which has passed `problemOf` */
  takesAddress(url: URL, address: string): boolean;
  /** A URL that an entry names, for examples. */
  readonly example: string;
}

const defaultPorts: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 };
const portOf = ({ port, protocol }: URL): number => (port === '' ? (defaultPorts[protocol] as number) : Number(port));

/** The host without the brackets of IPv6. */
export const hostOf = ({ hostname }: URL): string => hostname.replace(/^\[(.*)\]$/, '$1');

type NamedHost = Extract<AllowedHost, { kind: 'host' }>;

function names({ scheme, host, port }: NamedHost, url: URL): boolean {
  if (url.protocol !== `${scheme}:` || portOf(url) !== port) return false;
  return host.startsWith('*.') ? url.hostname.endsWith(host.slice(1)) : url.hostname === host;
}

export function createAllowList(entries: readonly AllowedHost[]): AllowList {
  const hosts = entries.filter((entry) => entry.kind === 'host');
  const inRange = createRanges(entries.flatMap((entry) => (entry.kind === 'range' ? [entry.range] : [])));

  const isNamed = (url: URL): boolean =>
    hosts.some((entry) => names(entry, url)) ||
    (url.protocol === 'https:' && url.port === '' && isIP(hostOf(url)) !== 0 && inRange(hostOf(url)));

  return {
    problemOf(text) {
      // The URL parser drops line breaks and turns backslashes into slashes, so the request would go elsewhere than the text says.
      if (/[\u0000-\u0020\u007f\\]/.test(text)) return 'must have no spaces, control characters or backslashes';
      if (!URL.canParse(text)) return 'must be a URL, with its scheme';
      const url = new URL(text);
      if (defaultPorts[url.protocol] === undefined) return 'must begin with https:// or http://';
      if (url.username !== '' || url.password !== '') return 'must have no user and password: send a header';
      if (url.hash !== '' || text.endsWith('#')) return 'must have no fragment: it would not be sent';
      if (url.hostname.endsWith('.')) return 'must have no dot at the end of its host';
      return isNamed(url) ? undefined : 'is not named by HTTP_REQUEST_ALLOW (scheme, host and port)';
    },
    takesAddress: (url, address) =>
      isGloballyRoutable(address) ||
      inRange(address) ||
      hosts.some((entry) => entry.trustsAddress && names(entry, url)),
    example: exampleOf(entries[0]),
  };
}

function exampleOf(entry: AllowedHost | undefined): string {
  if (entry === undefined) return 'https://hooks.example.com/jobs';
  if (entry.kind === 'host')
    return new URL(`${entry.scheme}://${entry.host.replace('*', 'hooks')}:${entry.port}/jobs`).href;
  const [address = ''] = entry.range.split('/');
  return `https://${address.includes(':') ? `[${address}]` : address}/jobs`;
}
