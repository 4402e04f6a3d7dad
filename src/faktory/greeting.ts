// The greeting of the broker (HI), checked before it is used.
// Format: contribsys/faktory server/server.go:252-272, v1.9.4.
import { ProtocolError } from './reply-reader.ts';

/** The protocol version, and the salt and the iterations when the broker wants a password. */
export interface Greeting {
  v: number;
  s: string;
  i: number;
}

/** Throws ProtocolError when the text is no greeting of protocol version 2. */
export function parseGreeting(text: string): Greeting {
  const match = /^HI (\{.*\})$/.exec(text);
  if (!match) throw new ProtocolError('the broker did not greet with HI');
  let greeting: unknown;
  try {
    greeting = JSON.parse(match[1] as string);
  } catch {
    throw new ProtocolError('the greeting is not JSON');
  }
  const { v, s, i } = greeting as Partial<Greeting>;
  if (v !== 2) throw new ProtocolError(`the broker speaks protocol version ${v}, not 2`);
  // More rounds would block this process. The broker picks 4,000 to 8,095 (server/server.go:252).
  if (i !== undefined && !(Number.isInteger(i) && i >= 1 && i <= 100_000))
    throw new ProtocolError('iterations out of range');
  return { v, s: s ?? '', i: i ?? 1 };
}
