// HTTP_REQUEST_ALLOW: which URLs jobs of the type http_request may name (docs/delivery.md).
import { z } from 'zod';
import type { AllowedHost } from '../domain/allowed-host.ts';
import { network } from './values.ts';

const accepts =
  'hosts such as hooks.example.com, *.example.com, 10.0.0.0/8 or http://localhost:8080, separated by commas, each once';

const entryPattern = /^(?:(https?):\/\/)?(\*\.)?(\[[0-9a-f:.]+\]|[^\s:/?#@[\]\\*%]+?)(?::(\d{1,5}))?$/i;
const portMax = 65_535;

/** Undefined: the text is no valid entry. */
export function readAllowedHost(text: string): AllowedHost | undefined {
  if (network.safeParse(text).success)
    return { kind: 'range', range: text.includes('/') ? text : `${text}/${text.includes(':') ? 128 : 32}` };
  const [, givenScheme, wildcard = '', host = '', givenPort] = entryPattern.exec(text) ?? [];
  const name = nameOf(host);
  const port = givenPort === undefined ? undefined : Number(givenPort);
  if (name === undefined || port === 0 || (port ?? 1) > portMax) return undefined;
  const isAddress = name.startsWith('[') || z.ipv4().safeParse(name).success;
  if (isAddress && wildcard !== '') return undefined;
  const scheme = givenScheme?.toLowerCase() === 'http' ? 'http' : 'https';
  return {
    kind: 'host',
    scheme,
    host: wildcard + name,
    port: port ?? (scheme === 'http' ? 80 : 443),
    trustsAddress: isAddress || (givenScheme !== undefined && port !== undefined),
  };
}

/** The host as in a URL. Undefined: no URL can have it, or a URL would change it (`0x7f.1` becomes `127.0.0.1`). */
function nameOf(host: string): string | undefined {
  if (!URL.canParse(`https://${host}/`) || host.startsWith('.') || host.endsWith('.') || host.includes('..'))
    return undefined;
  const { hostname } = new URL(`https://${host}/`);
  const isOddAddress = z.ipv4().safeParse(hostname).success && hostname !== host;
  return hostname === '' || isOddAddress ? undefined : hostname;
}

export const allowedHosts = z.string().transform((text, context): readonly AllowedHost[] => {
  const items = text.split(',').map((item) => item.trim());
  const entries = items.map(readAllowedHost).filter((entry) => entry !== undefined);
  if (entries.length === items.length && new Set(items).size === items.length) return entries;
  context.addIssue({ code: 'custom', message: accepts });
  return z.NEVER;
});
