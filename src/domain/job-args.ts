// Arguments that passed their type's schema, in the form in which they travel.

export interface JobArgs {
  /** The schema's output. */
  readonly value: unknown;
  /** What stands between the brackets of the wire's `args`. */
  readonly json: string;
  /** Length of `json` in UTF-8. */
  readonly jsonBytes: number;
  /** What goes into `custom.request_id`; undefined also where the arguments carry it. */
  readonly requestId: string | undefined;
}
