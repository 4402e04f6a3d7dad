import { defineJob, z } from 'work-factory';

const line = z.object({ sku: z.string(), count: z.int().min(1), price: z.number(), note: z.string().optional() });

export const order = z.object({ customer: z.string(), express: z.boolean(), lines: z.array(line) });

export default defineJob({ name: 'order', args: order, run: ({ lines }) => lines.length });
