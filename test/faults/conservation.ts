// The conservation checker: what was offered over HTTP and what callers were told, held against what the broker stores in the
// end and what workers ran (Jepsen's total-queue, with a set of its own for definite refusals). A job is known by the nonce
// in its request_id: it has that before it has an id, and also when it never gets one. A pure function over recorded facts;
// it shares no code with the service. The simulation has a checker that also sees the client's writes: test/simulation/ledger.ts.

/** `enqueued`: 202. `refused`: certainly not stored, by `not_enqueued`. `unknown`: all else, also no response. */
export type Outcome = 'enqueued' | 'refused' | 'unknown';

/** One job, and what its caller was told of it. */
export interface OfferedJob {
  readonly nonce: string;
  readonly operation: string;
  readonly a: number;
  readonly b: number;
  /** Digest of what an explicit job has besides: options, time, the rest of its arguments. */
  readonly more?: string | undefined;
  readonly askedMs: number;
  readonly repliedMs: number;
  readonly outcome: Outcome;
  readonly jobId: string | undefined;
  /** The sentence of a response that is about this job alone. */
  readonly message: string | undefined;
  /** Why it was not acknowledged. */
  readonly detail: string | undefined;
}

/** One copy of a job in the broker, or one run of it. */
export interface SeenJob {
  readonly jobId: string;
  readonly operation: string;
  readonly a: number;
  readonly b: number;
  readonly more?: string | undefined;
  readonly nonce: string | null | undefined;
}

export interface Facts {
  readonly offered: readonly OfferedJob[];
  /** Every copy that the broker holds: queued, reserved, to be retried, dead. */
  readonly stored: readonly SeenJob[];
  /** Every run by a worker. */
  readonly run: readonly SeenJob[];
  /** When the broker stood still: its own driver may then have stored twice what was under way. */
  readonly stalls?: readonly { readonly fromMs: number; readonly toMs: number }[];
}

export interface Findings {
  /** Acknowledged, and neither stored nor run. */
  readonly lost: readonly OfferedJob[];
  /** Refused, and stored or run all the same. */
  readonly ghosts: readonly OfferedJob[];
  /** Stored or run, and never offered. */
  readonly invented: readonly SeenJob[];
  /** Sentences: a response with another request's id or operands, a stored job that is not the one that was offered. */
  readonly crossed: readonly string[];
  /** Stored or run more than once, without a reason. */
  readonly doubled: readonly OfferedJob[];
  /** Stored or run more than once, with a reason: the outcome was unknown, or the broker stood still. */
  readonly explained: { readonly unknown: readonly OfferedJob[]; readonly stalled: readonly OfferedJob[] };
  /** Unknown, and stored or run. */
  readonly recovered: readonly OfferedJob[];
}

export function checkConservation({ offered, stored, run, stalls = [] }: Facts): Findings {
  const byNonce = new Map(offered.map((job) => [job.nonce, job]));
  if (byNonce.size !== offered.length) throw new Error('a nonce was offered twice');
  const copies = new Map<string, number>();
  const invented: SeenJob[] = [];
  const crossed = crossedResponses(offered);
  for (const seen of [...stored, ...run]) {
    const job = byNonce.get(seen.nonce ?? '');
    if (job === undefined) {
      invented.push(seen);
      continue;
    }
    copies.set(job.nonce, (copies.get(job.nonce) ?? 0) + 1);
    crossed.push(...differences(job, seen));
  }
  const copiesOf = ({ nonce }: OfferedJob): number => copies.get(nonce) ?? 0;
  const stoodStill = ({ askedMs, repliedMs }: OfferedJob): boolean =>
    stalls.some(({ fromMs, toMs }) => askedMs <= toMs && repliedMs >= fromMs);
  const repeated = offered.filter((job) => copiesOf(job) > 1);
  const stalled = repeated.filter(stoodStill);
  const others = repeated.filter((job) => !stoodStill(job));
  return {
    lost: offered.filter((job) => job.outcome === 'enqueued' && copiesOf(job) === 0),
    ghosts: offered.filter((job) => job.outcome === 'refused' && copiesOf(job) > 0),
    invented,
    crossed,
    doubled: others.filter(({ outcome }) => outcome !== 'unknown'),
    explained: { unknown: others.filter(({ outcome }) => outcome === 'unknown'), stalled },
    recovered: offered.filter((job) => job.outcome === 'unknown' && copiesOf(job) > 0),
  };
}

/** Responses that name other operands, an id that another caller was told too, or none where one is due. */
function crossedResponses(offered: readonly OfferedJob[]): string[] {
  const crossed: string[] = [];
  const owners = new Map<string, string>();
  for (const { nonce, a, b, outcome, jobId, message } of offered) {
    const named = message?.match(/-?\d+(\.\d+)?(e[+-]?\d+)?/g)?.map(Number);
    if (named !== undefined && (named[0] !== a || named[1] !== b || named.length !== 2))
      crossed.push(`${nonce}, of ${a} and ${b}, was answered: ${message}`);
    if (jobId === undefined) {
      if (outcome === 'enqueued') crossed.push(`${nonce} was acknowledged without an id`);
      continue;
    }
    const owner = owners.get(jobId);
    if (owner !== undefined) crossed.push(`${nonce} and ${owner} were told the same id ${jobId}`);
    owners.set(jobId, nonce);
  }
  return crossed;
}

function differences(job: OfferedJob, seen: SeenJob): string[] {
  const found: string[] = [];
  if (job.jobId !== undefined && job.jobId !== seen.jobId)
    found.push(`${job.nonce} was told the id ${job.jobId}, and is ${seen.jobId}`);
  if (job.operation !== seen.operation || job.a !== seen.a || job.b !== seen.b)
    found.push(
      `${job.nonce} was ${job.operation} of ${job.a} and ${job.b}, and is ${seen.operation} of ${seen.a} and ${seen.b}`,
    );
  if (job.more !== seen.more) found.push(`${job.nonce} has other options or arguments than were asked for`);
  return found;
}

const kinds = ['lost', 'ghosts', 'invented', 'crossed', 'doubled'] as const;
export type Violation = (typeof kinds)[number];

/** What must not be, by kind, with the first three of each as examples; empty when everything is in order. */
export function violationsOf(findings: Findings): Partial<Record<Violation, { count: number; examples: unknown[] }>> {
  return Object.fromEntries(
    kinds
      .filter((kind) => findings[kind].length > 0)
      .map((kind) => [kind, { count: findings[kind].length, examples: findings[kind].slice(0, 3) }]),
  );
}

/** One line of figures for the matrix. */
export function describeFindings({ offered, stored, run }: Facts, findings: Findings): string {
  const figure = (count: number, what: string): string => `${count.toLocaleString('en')} ${what}`;
  const told = (outcome: Outcome): string => figure(offered.filter((job) => job.outcome === outcome).length, outcome);
  const wrong = kinds.filter((kind) => findings[kind].length > 0).map((kind) => figure(findings[kind].length, kind));
  const { unknown, stalled } = findings.explained;
  const parts = [
    `${figure(offered.length, 'jobs')}: ${told('enqueued')}, ${told('refused')}, ${told('unknown')}`,
    figure(findings.recovered.length, 'of the unknown seen'),
    `${figure(stored.length, 'stored')} and ${figure(run.length, 'run')} in the end`,
    figure(unknown.length + stalled.length, 'doubled with a reason'),
    wrong.length > 0 ? wrong.join(', ') : `0 ${kinds.join(', ')}`,
  ];
  return parts.join('; ');
}
