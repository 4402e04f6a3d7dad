// What doctor found.

/** `warning`: it works, and perhaps not as it is meant to. */
export type Level = 'ok' | 'warning' | 'problem';

export interface Finding {
  readonly about: 'settings' | 'api' | 'broker' | 'results' | 'keys';
  readonly level: Level;
  /** One sentence, without secrets. */
  readonly text: string;
}

export const find = (about: Finding['about'], level: Level, text: string): Finding => ({ about, level, text });
