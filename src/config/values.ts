// What the text of a variable may be: one reader for each kind of value, whose error message says what it accepts.
import { readFileSync } from 'node:fs';
import type { FaktoryAddress } from '../domain/faktory-address.ts';
import { z } from 'zod';

export interface Variable<T extends z.ZodType = z.ZodType> {
  /** Reads the text of a variable that is set; its error message says what is accepted. */
  schema: T;
  /** The default as text, as in `.env.example`. Undefined: the variable has none. */
  default?: string;
  unit: string;
  reason: string;
  /** Its value is never printed. */
  secret?: true;
}

export interface BindAddress {
  host: string;
  port: number;
}

export const integer = (min: number, max: number) => {
  const accepts = `an integer from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d+$/, accepts)
    .transform(Number)
    .refine((value) => value >= min && value <= max, accepts);
};

/** How many processes; `auto` is one for each processor. */
export const processes = (max: number) => {
  const accepts = `auto, or an integer from 1 to ${max}`;
  return z
    .string()
    .regex(/^(auto|\d+)$/, accepts)
    .transform((text): 'auto' | number => (text === 'auto' ? text : Number(text)))
    .refine((value) => value === 'auto' || (value >= 1 && value <= max), accepts);
};

export const seconds = (min: number, max: number) => {
  const accepts = `a number of seconds from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d+(\.\d+)?$/, accepts)
    .transform(Number)
    .refine((value) => value >= min && value <= max, accepts);
};

export const bindAddress = (portMin: 0 | 1) => {
  const accepts = `host:port, with a port from ${portMin} to 65535 (IPv6 in brackets)`;
  return z.string().transform((text, context): BindAddress => {
    const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(text);
    const port = Number(match?.[3]);
    if (match && port >= portMin && port <= 65_535) return { host: (match[1] ?? match[2]) as string, port };
    context.addIssue({ code: 'custom', message: accepts });
    return z.NEVER;
  });
};

// faktory-worker 4.7.1 ignores the scheme of the URL and keeps the brackets of IPv6, so the URL is parsed here.
export const faktoryUrl = z.string().transform((text, context): FaktoryAddress => {
  try {
    const url = new URL(text);
    const scheme = url.protocol.slice(0, -1);
    const rest = url.pathname + url.search + url.hash;
    if (
      (scheme === 'tcp' || scheme === 'tcp+tls') &&
      url.hostname !== '' &&
      url.port !== '0' &&
      (rest === '' || rest === '/')
    ) {
      return {
        host: decodeURIComponent(url.hostname).replace(/^\[(.*)\]$/, '$1'),
        port: url.port === '' ? 7419 : Number(url.port),
        tls: scheme === 'tcp+tls',
        password: url.password === '' ? undefined : decodeURIComponent(url.password),
      };
    }
  } catch {
    // not a URL: reported below with what is accepted
  }
  context.addIssue({ code: 'custom', message: 'tcp://[:password@]host[:port] or tcp+tls://..., percent-encoded' });
  return z.NEVER;
});

// ioredis 6 takes any path for a number, drops what follows a "#", and throws at a bare "%", so the URL is checked here.
export const redisUrl = z.string().refine(isRedisUrl, 'redis://[:password@]host[:port][/db], percent-encoded');

function isRedisUrl(text: string): boolean {
  try {
    const { protocol, hostname, username, password, pathname, hash } = new URL(text);
    decodeURIComponent(username + password);
    return /^rediss?:$/.test(protocol) && hostname !== '' && /^(\/\d*)?$/.test(pathname) && hash === '';
  } catch {
    return false;
  }
}

export const path = z
  .string()
  .refine((text) => !/^~|\$[\w{(]/.test(text), 'a path without "~" and "$NAME": nothing replaces them here');

/** As in Faktory (cli/cli.go, v1.9.4): a value that begins with "/" names a file that holds the password. */
export const password = z.string().transform((text, context) => {
  if (!text.startsWith('/')) return text;
  try {
    const content = readFileSync(text, 'utf8').trim();
    if (content !== '') return content;
  } catch {
    // reported below with what is accepted
  }
  context.addIssue({
    code: 'custom',
    message: 'a password, or the absolute path of a file that can be read and holds it, as Faktory does',
  });
  return z.NEVER;
});

/** Each origin as a browser sends it in `Origin`: no path, no default port, lower case (RFC 6454, 6.2). */
export const origins = z.string().transform((text, context): readonly string[] => {
  const items = text.split(',').map((item) => item.trim());
  const isOrigin = (item: string): boolean =>
    URL.canParse(item) && /^https?:$/.test(new URL(item).protocol) && new URL(item).origin === item;
  if (items.every(isOrigin) && new Set(items).size === items.length) return items;
  context.addIssue({
    code: 'custom',
    message:
      'origins as a browser sends them, such as https://app.example.com or http://localhost:5173, each once; no "*"',
  });
  return z.NEVER;
});

export const onOff = z.enum(['on', 'off'], 'on or off').transform((text) => text === 'on');

export const network = z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()]);

export const networks = z
  .string()
  .transform((text) => text.split(',').map((item) => item.trim()))
  .refine(
    (items) => items.every((item) => network.safeParse(item).success),
    'addresses or networks such as 10.0.0.0/8, separated by commas',
  );

export const commaList = (pattern: RegExp, accepts: string, itemsMax = Infinity) =>
  z
    .string()
    .transform((text) => text.split(',').map((item) => item.trim()))
    .refine(
      (items) =>
        items.every((item) => pattern.test(item)) && new Set(items).size === items.length && items.length <= itemsMax,
      accepts,
    );

/** The KEY of an item `NAME:KEY` or `KEY`. */
export const keyOf = (item: string): string => item.replace(/^[A-Za-z0-9_-]{1,64}:/, '');

/** Keys that callers present, each with a name or without. */
export const keyList = commaList(
  /^(?:[A-Za-z0-9_-]{1,64}:|(?![A-Za-z0-9_-]{1,64}:))[\x21-\x2b\x2d-\x7e]{16,200}$/,
  'keys of 16 to 200 visible ASCII characters, separated by commas, each with a name if you like: NAME:KEY',
).refine(
  (items) => new Set(items.map(keyOf)).size === items.length,
  'each KEY once: a KEY under two names, or with and without a name, would not tell who the caller is',
);
