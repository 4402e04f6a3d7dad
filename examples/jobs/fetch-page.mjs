// Work that waits for somebody else: many such jobs run side by side in one process. What may get better by itself, like a
// busy server, is thrown and tried again by the broker; what will not is a PermanentError.
import { defineJob, PermanentError, z } from 'work-factory';

const bytesMax = 10_000_000;

export default defineJob({
  name: 'fetch_page',
  retry: 5,
  args: z.object({ url: z.url({ protocol: /^https?$/ }) }),
  result: z.object({ status: z.int(), bytes: z.int(), title: z.string().nullable() }),
  timeoutSeconds: 30,
  async run({ url }, { jid, signal, progress, log }) {
    const response = await fetch(url, { signal, headers: { 'user-agent': 'work-factory-example', 'x-job-id': jid } });
    if (response.status >= 500 || response.status === 429) throw new Error(`${url} answered ${response.status}`);
    if (!response.ok) throw new PermanentError(`${url} answered ${response.status}`);
    const expected = Number(response.headers.get('content-length'));
    const decoder = new TextDecoder();
    let bytes = 0;
    let text = '';
    for await (const chunk of response.body ?? []) {
      bytes += chunk.byteLength;
      if (bytes > bytesMax) throw new PermanentError(`${url} is larger than ${bytesMax} bytes`);
      text += decoder.decode(chunk, { stream: true });
      if (expected > 0) progress(Math.min(100, (100 * bytes) / expected), `${bytes} bytes`);
    }
    log.info('page fetched', { url, bytes });
    return { status: response.status, bytes, title: /<title>([^<]*)/i.exec(text)?.[1]?.trim() ?? null };
  },
  examples: [{ args: { url: 'https://example.com/' } }],
});
