// Arguments that passed their type's schema, in the form in which they travel.

export interface JobArgs {
  /** The schema's output. */
  readonly value: unknown;
  /** The elements of the list `args` of FWP, without its brackets. */
  readonly json: string;
  /** Length of `json` in UTF-8. */
  readonly jsonBytes: number;
  /** For `custom.request_id`; undefined also when it is among the arguments. */
  readonly requestId: string | undefined;
}
