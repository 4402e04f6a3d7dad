// The built-in type `http_request`: a job that is an HTTP request (docs/delivery.md). A definition like those of JOBS_DIR.
import { z } from 'zod';
import type { AllowedHost } from '../../domain/allowed-host.ts';
import { defineJob } from '../define-job.ts';
import { createAllowList, type AllowList } from './allow-list.ts';
import { createDelivery, type DeliveryParts } from './delivery.ts';
import { findHeaderProblems } from './headers.ts';

export interface HttpRequestSettings {
  /** HTTP_REQUEST_ALLOW. */
  allow: readonly AllowedHost[];
  /** HTTP_REQUEST_SECRET: none, one or two. */
  secrets: readonly string[];
  /** The response's text is cut so that the result has at most so many bytes of JSON. */
  resultBytesMax: number;
}

const methods = ['POST', 'PUT', 'PATCH', 'DELETE', 'GET', 'HEAD'] as const;
const bodiless: ReadonlySet<string> = new Set(['GET', 'HEAD']);
const urlCharsMax = 2048;
const timeoutSecondsMax = 300;
/** 10 s belong to the end of a job, and as much to a start that is slow. */
const reserveFor = timeoutSecondsMax + 20;

const createArgs = (allowList: AllowList) =>
  z
    .strictObject({
      url: z
        .string()
        .max(urlCharsMax, `must be at most ${urlCharsMax} characters`)
        .check(({ value, issues }) => {
          const message = allowList.problemOf(value);
          if (message !== undefined) issues.push({ code: 'custom', message, input: value });
        }),
      method: z.enum(methods, `must be one of ${methods.join(', ')}`).default('POST'),
      headers: z
        .record(z.string(), z.string())
        .check(({ value, issues }) => {
          for (const { name, message } of findHeaderProblems(value))
            issues.push({ code: 'custom', message, input: value, path: name === undefined ? [] : [name] });
        })
        .optional(),
      json: z.unknown().optional(),
      body: z.string().optional(),
      timeout_seconds: z
        .number()
        .min(1, 'must be at least 1')
        .max(timeoutSecondsMax, `must be at most ${timeoutSecondsMax}`)
        .default(30),
    })
    .check(({ value: { method, json, body }, issues }) => {
      const path = [body === undefined ? 'json' : 'body'];
      const add = (message: string): unknown => issues.push({ code: 'custom', message, input: method, path });
      if (json !== undefined && body !== undefined) add('and json exclude each other');
      else if (bodiless.has(method) && (json !== undefined || body !== undefined)) add(`is not sent with ${method}`);
    });

export type HttpRequestArgs = z.output<ReturnType<typeof createArgs>>;

export function createHttpRequest(settings: HttpRequestSettings, parts?: DeliveryParts) {
  const allowList = createAllowList(settings.allow);
  const deliver = createDelivery({ ...settings, allowList }, parts);
  return defineJob({
    name: 'http_request',
    queue: 'http',
    reserveFor,
    ownSlots: true,
    args: createArgs(allowList),
    result: z.object({ status: z.int(), body: z.string() }),
    run: deliver,
    examples: [{ args: { url: allowList.example, json: { order: 4711 } } }],
  });
}
