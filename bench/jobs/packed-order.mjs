import { defineJob } from 'work-factory';
import { order } from './order.mjs';

export default defineJob({ name: 'packed_order', args: order, compress: true, run: ({ lines }) => lines.length });
