// The arguments of the type `http_request`, and their checks.
import { z } from 'zod';
import type { AllowList } from './allow-list.ts';
import { findHeaderProblems } from './headers.ts';

const methods = ['POST', 'PUT', 'PATCH', 'DELETE', 'GET', 'HEAD'] as const;
const bodiless: ReadonlySet<string> = new Set(['GET', 'HEAD']);
const urlCharsMax = 2048;
export const timeoutSecondsMax = 300;

export const createArgs = (allowList: AllowList) =>
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
