// A finding of doctor.

/** `warning`: it works, but perhaps not as intended. */
export type Level = 'ok' | 'warning' | 'problem';

export interface Finding {
  readonly about: 'settings' | 'api' | 'broker' | 'results' | 'keys';
  readonly level: Level;
  /** One sentence, without secrets. */
  readonly text: string;
}

/** The time for each check, so that a service that hangs is reported as well. */
export const lookMsMax = 5000;

export const find = (about: Finding['about'], level: Level, text: string): Finding => ({ about, level, text });
