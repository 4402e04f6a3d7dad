// A line of the log at warn or above, as the console shows it.

/** Every text has a limit. */
export interface Trouble {
  /** RFC 3339, UTC. */
  readonly time: string;
  /** The level of pino: 40 warn, 50 error, 60 fatal. */
  readonly level: number;
  readonly msg: string;
  /** Further fields of docs/logs.md that the line has. */
  readonly about: Readonly<Record<string, string>>;
}
