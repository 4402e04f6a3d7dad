// Times that callers write: RFC 3339 and no other format.

const rfc3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(\.\d{1,9})?(?:[Zz]|([+-])(\d\d):(\d\d))$/;

export const timeMessage = 'must be RFC 3339 with an offset, like 2026-12-01T08:00:00Z';
/** An offset may lead past the year 9999, but Go reads no year of five digits. */
const lastMs = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
const minuteMs = 60_000;

/**
 * Milliseconds since 1970. Undefined: the text is no such time. A leap second (`:60`) is none here, because neither Go nor
 * JavaScript can hold it.
 */
export function parseTime(text: string): number | undefined {
  const match = rfc3339.exec(text);
  if (match === null) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as Six;
  const [offsetHour, offsetMinute] = [Number(match[9] ?? 0), Number(match[10] ?? 0)];
  if (hour > 23 || minute > 59 || second > 59 || offsetHour > 23 || offsetMinute > 59) return undefined;
  // setUTCFullYear, because Date.UTC takes the years 0 to 99 for 1900 to 1999.
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined;
  date.setUTCHours(hour, minute, second, Math.floor(Number(match[7] ?? 0) * 1000));
  const offset = (offsetHour * 60 + offsetMinute) * minuteMs * (match[8] === '-' ? -1 : 1);
  const ms = date.getTime() - offset;
  return ms <= lastMs ? ms : undefined;
}

type Six = [number, number, number, number, number, number];

/** Writes a time as Faktory and the embedded broker read it. */
export const writeTime = (ms: number): string => new Date(ms).toISOString();
