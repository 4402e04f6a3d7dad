// What doctor found.

/** `warning`: it works, and perhaps not as it is meant to. */
export type Level = 'ok' | 'warning' | 'problem';

export interface Finding {
  readonly about: 'settings' | 'api' | 'broker' | 'results' | 'keys';
  readonly level: Level;
  /** One sentence, without secrets. */
  readonly text: string;
}

/** The time for each check: a service that hangs is found out as soon as somebody waits for it. */
export const lookMsMax = 5000;

export const find = (about: Finding['about'], level: Level, text: string): Finding => ({ about, level, text });
