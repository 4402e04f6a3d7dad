// The lines of one request that were sent and are not reported yet. Their number has a limit: when the connection breaks, the
// outcome of each of them is unknown.

export interface Unreported {
  readonly count: number;
  /** Reports that came. The service numbers the lines of a request from 1. */
  readonly reported: number;
  /** No line behind this one was sent. */
  readonly lastSent: number;
  readonly isOver: boolean;
  /** Resolves when another line may be sent; false: the request is over. */
  untilRoom(): Promise<boolean>;
  add(line: number): void;
  /** A report has come, for the first of these lines. */
  report(): void;
  /** The request is over. */
  end(): void;
}

export function createUnreported(linesMax: number): Unreported {
  let sent = 0;
  let reported = 0;
  let lastSent = 0;
  let isOver = false;
  let wake = (): void => undefined;
  return {
    get count() {
      return sent - reported;
    },
    get reported() {
      return reported;
    },
    get lastSent() {
      return lastSent;
    },
    get isOver() {
      return isOver;
    },
    async untilRoom() {
      while (!isOver && sent - reported >= linesMax) await new Promise<void>((resolve) => (wake = resolve));
      return !isOver;
    },
    add(line) {
      sent += 1;
      lastSent = line;
    },
    report() {
      reported += 1;
      wake();
    },
    end() {
      isOver = true;
      wake();
    },
  };
}
