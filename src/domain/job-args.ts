// Arguments that have passed their type's schema, as they are sent.

export interface JobArgs {
  /** The output of the schema. */
  readonly value: unknown;
  /** The elements of the list `args` of FWP, without its brackets. */
  readonly json: string;
  /** The length of `json` in UTF-8. */
  readonly jsonBytes: number;
  /** The value for `custom.request_id`. Undefined when there is none, or when it is among the arguments. */
  readonly requestId: string | undefined;
}
