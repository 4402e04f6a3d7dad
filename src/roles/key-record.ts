// The record of a key in the log and in LevelDB of the embedded broker.
import { keyRecordRoom } from '../broker/storage/key-records.ts';
import type { Digest } from '../domain/digest.ts';
import type { Claim, KeptResponse, Verdict } from '../domain/keys.ts';

const fingerprintBytes = 32;

/** Room for the store, the fingerprint, the status in 2 bytes, and the body. */
export function encodeKeyRecord(fingerprint: Digest, { status, body }: KeptResponse): Buffer {
  const bytes = Buffer.allocUnsafe(keyRecordRoom + fingerprintBytes + 2 + Buffer.byteLength(body));
  bytes.write(fingerprint, keyRecordRoom, 'latin1');
  bytes.writeUInt16BE(status, keyRecordRoom + fingerprintBytes);
  bytes.write(body, keyRecordRoom + fingerprintBytes + 2);
  return bytes;
}

export const isSameRequest = (claim: Claim, fingerprint: Digest): boolean => claim.fingerprint === fingerprint;

export function verdictByRecord(claim: Claim, record: Buffer): Verdict {
  if (!isSameRequest(claim, record.toString('latin1', 0, fingerprintBytes))) return { state: 'reused' };
  const response = {
    status: record.readUInt16BE(fingerprintBytes),
    body: record.toString('utf8', fingerprintBytes + 2),
  };
  return { state: 'done', response };
}
