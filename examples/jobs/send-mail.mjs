// A job for somebody else's worker, in any language that has a Faktory client: there is no `run`, and the queue is one that
// no worker of ours fetches from. The arguments are a list, as Ruby and Go workers want them.
import { defineJob, z } from 'work-factory';

export default defineJob({
  name: 'send_mail',
  jobtype: 'SendMail',
  queue: 'mail',
  retry: 3,
  args: z.tuple([z.email(), z.string().min(1).max(200)]),
  examples: [{ args: ['someone@example.com', 'Welcome'] }],
});
