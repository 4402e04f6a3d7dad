// A parsed entry of HTTP_REQUEST_ALLOW. It is plain JSON, because it is sent to handler processes.

export type AllowedHost =
  /** Addresses: hosts of URLs that are addresses, and the addresses of named hosts. */
  | { readonly kind: 'range'; readonly range: string }
  | {
      readonly kind: 'host';
      readonly scheme: 'http' | 'https';
      /** The host as in a URL: lower case, punycode. `*.example.com` matches every name that ends in `.example.com`. */
      readonly host: string;
      readonly port: number;
      /** True: its address need not be globally routable, because the entry has scheme and port, or its host is an address. */
      readonly trustsAddress: boolean;
    };
