// The built-in type `http_request`: a job that is an HTTP request (docs/delivery.md). A definition like those of JOBS_DIR.
import { z } from 'zod';
import { defineJob } from '../define-job.ts';
import { createAllowList } from './allow-list.ts';
import { createArgs, timeoutSecondsMax } from './args.ts';
import { createDelivery, type DeliveryParts, type HttpRequestSettings } from './delivery.ts';

/** 10 s are for the end of a job, and 10 s for a slow start. */
const reserveFor = timeoutSecondsMax + 20;

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
