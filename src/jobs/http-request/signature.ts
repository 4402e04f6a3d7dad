// Work-Factory-Signature: a receiver verifies with it that this service sent the request, to this URL, and when.
import { createHmac } from 'node:crypto';

export interface Signed {
  /** Unix time, s. */
  seconds: number;
  method: string;
  /** The URL of the request. */
  url: string;
  body: Buffer;
}

/** `t=<unix>,v1=<hex>`, with a `v1=` for each secret, because the receiver may know either while they are changed. */
export function sign(secrets: readonly string[], { seconds, method, url, body }: Signed): string {
  const signatures = secrets.map((secret) =>
    createHmac('sha256', secret).update(`${seconds}.${method}.${url}.`).update(body).digest('hex'),
  );
  return [`t=${seconds}`, ...signatures.map((signature) => `v1=${signature}`)].join(',');
}
