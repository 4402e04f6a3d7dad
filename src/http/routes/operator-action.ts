// One action of an operator: its key, its time limit, and the line of the log that names who acted.
import type { FastifyRequest, onRequestHookHandler } from 'fastify';
import type { Clock } from '../../domain/clock.ts';
import { inTime } from '../../domain/in-time.ts';
import { OperatorError, type Operator } from '../../domain/operator.ts';
import { actionsMax } from '../limits.ts';
import { callerOf } from '../once/idempotency-key.ts';
import { refuseOtherPages } from '../plugins/own-pages.ts';
import { AppError } from '../problems/errors.ts';
import { withProblems } from './operator-responses.ts';

export interface OperatorRouteOptions {
  operator: Operator;
  clock: Clock;
  /** After this time the response to an action is `outcome_unknown`, and the action goes on. */
  actionTimeoutMs: number;
  /** Requires a key of an operator. */
  protect: readonly onRequestHookHandler[];
}

/** Fields of the log line, for example `{ action: 'pause', queue: 'images' }`. */
type About = Readonly<{ action: string } & Record<string, unknown>>;

export interface Actions {
  /** Options of the routes, besides their schema. */
  readonly route: { config: { bodyMayBeEmpty: true }; onRequest: onRequestHookHandler[] };
  /** Rejects with the failure for the caller. `toldOf` makes fields of the log line from the value. */
  run<Value>(
    request: FastifyRequest,
    about: About,
    act: () => Promise<Value>,
    toldOf?: (value: Value) => object,
  ): Promise<Value>;
}

export function createActions({ clock, actionTimeoutMs, protect }: Omit<OperatorRouteOptions, 'operator'>): Actions {
  let underWay = 0;

  const lateError = (): Error =>
    new OperatorError('unknown', `Not done within ${actionTimeoutMs} ms; it goes on, and a part is done already`);

  return {
    route: { config: { bodyMayBeEmpty: true }, onRequest: [...protect, refuseOtherPages] },
    async run(request, about, act, toldOf = () => ({})) {
      if (underWay >= actionsMax) throw new AppError('overloaded', 'Too many actions of operators are under way');
      const log = (outcome: string, told: object = {}): void =>
        request.log.warn(
          { ...about, ...told, outcome, key_name: callerOf(request) || undefined, request_id: request.id },
          'an operator acted',
        );
      underWay++;
      const acting = act();
      void acting.then(
        () => underWay--,
        () => underWay--,
      );
      try {
        const value = await withProblems(inTime(acting, { clock, timeoutMs: actionTimeoutMs, lateError }));
        log('done', toldOf(value));
        return value;
      } catch (error) {
        log(error instanceof AppError ? error.code : 'internal');
        throw error;
      }
    },
  };
}
