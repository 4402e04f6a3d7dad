// Why a server that this process needs has failed, in our own texts. The server's or the network's text may contain an address, a
// password or a job, and everybody can read /ready.

/** An error with a text of our own, which is shown unchanged. */
export class OwnCause extends Error {}

/** The first pattern that fits counts. It is compared with the error and with the errors that caused it. */
const causes: readonly (readonly [RegExp, string])[] = [
  [/ECONNREFUSED/, 'the connection was refused: nothing listens there'],
  [/ENOTFOUND|EAI_AGAIN/, 'its host name could not be resolved'],
  [/EHOSTUNREACH|ENETUNREACH/, 'there is no route to it'],
  [/connect timeout|ETIMEDOUT/i, 'the connection was not made in time'],
  [/ECONNRESET|EPIPE|closed/i, 'it closed the connection'],
  [/invalid password|NOAUTH|WRONGPASS|NOPERM/i, 'it does not accept the password, or gives this user no right'],
  [/too many connections|max number of clients/i, 'it has no room for more connections'],
  [/certificate|self.signed|SSL|TLS/i, 'TLS could not be agreed on'],
  [/MISCONF/, 'its Redis cannot write to its disk (MISCONF)'],
  [/\bOOM\b|is full/, 'its memory is full (OOM)'],
  [/READONLY/, 'it is a replica and takes no writes (READONLY)'],
  [/LOADING/, 'it is loading its data (LOADING)'],
  [/would forget keys/, 'it would forget keys when it is full: its maxmemory-policy is not noeviction'],
  [/not stored: the store of the broker failed/, 'the store of the broker failed'],
  [/read timeout|does not answer in time|no reply|timed? ?out/i, 'it does not answer in time'],
];

/** Undefined when no known cause fits. */
export function causeOf(error: unknown): string | undefined {
  for (let depth = 0, one = error; one instanceof Error && depth < 5; depth++, one = one.cause) {
    if (one instanceof OwnCause) return one.message;
    const { message, name } = one;
    const text = `${(one as NodeJS.ErrnoException).code ?? ''} ${name} ${message}`;
    const found = causes.find(([pattern]) => pattern.test(text));
    if (found) return found[1];
  }
  return undefined;
}
