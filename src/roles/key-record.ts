// The record of a key in the log and in LevelDB of the embedded broker.
import type { Claim, KeptAnswer, Verdict } from '../domain/keys.ts';

const fingerprintBytes = 32;

/** The fingerprint, the status in 2 bytes, and the body. */
export function encodeKeyRecord(fingerprint: Buffer, { status, body }: KeptAnswer): Buffer {
  const bytes = Buffer.allocUnsafe(fingerprintBytes + 2 + Buffer.byteLength(body));
  fingerprint.copy(bytes);
  bytes.writeUInt16BE(status, fingerprintBytes);
  bytes.write(body, fingerprintBytes + 2);
  return bytes;
}

export const isSameRequest = (claim: Claim, fingerprint: Buffer): boolean => claim.fingerprint.equals(fingerprint);

export function verdictByRecord(claim: Claim, record: Buffer): Verdict {
  if (!isSameRequest(claim, record.subarray(0, fingerprintBytes))) return { state: 'reused' };
  const answer = {
    status: record.readUInt16BE(fingerprintBytes),
    body: record.toString('utf8', fingerprintBytes + 2),
  };
  return { state: 'done', answer };
}
