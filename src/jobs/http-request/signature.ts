// Work-Factory-Signature: by it a receiver knows that a request comes from here, for this URL, and when it was sent.
import { createHmac } from 'node:crypto';

export interface Signed {
  /** Unix time, s. */
  seconds: number;
  method: string;
  /** As it is sent. */
  url: string;
  body: Buffer;
}

/** `t=<unix>,v1=<hex>`, with a `v1=` for each secret: the receiver may have either while they are changed. */
export function sign(secrets: readonly string[], { seconds, method, url, body }: Signed): string {
  const signatures = secrets.map((secret) =>
    createHmac('sha256', secret).update(`${seconds}.${method}.${url}.`).update(body).digest('hex'),
  );
  return [`t=${seconds}`, ...signatures.map((signature) => `v1=${signature}`)].join(',');
}
