// One entry of HTTP_REQUEST_ALLOW, read. Plain JSON: it crosses to handler processes.

export type AllowedHost =
  /** Addresses: those of URLs that have an address for a host, and those that named hosts resolve to. */
  | { readonly kind: 'range'; readonly range: string }
  | {
      readonly kind: 'host';
      readonly scheme: 'http' | 'https';
      /** As a URL has it: in small letters, punycode; `*.example.com` is every name that ends in `.example.com`. */
      readonly host: string;
      readonly port: number;
      /** Its address need not be globally routable: the entry has scheme and port, or its host is an address. */
      readonly trustsAddress: boolean;
    };
