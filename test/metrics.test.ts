// The metrics as a scraper sees them.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createMetrics, type BrokerJobs } from '../src/metrics.ts';

describe('the metrics', () => {
  it('are kept apart: two sets in one process share nothing', async () => {
    const [one, two] = [createMetrics('1'), createMetrics('2')];
    one.job('add', 'enqueued');
    assert.match(await one.render(), /^work_factory_jobs_total\{operation="add",outcome="enqueued"\} 1$/m);
    assert.doesNotMatch(await two.render(), /work_factory_jobs_total\{/);
  });

  it('say what runs', async () => {
    const version = process.versions.node.replaceAll('.', '\\.');
    const expected = new RegExp(`^work_factory_build_info\\{version="1\\.2\\.3",node_version="${version}"\\} 1$`, 'm');
    assert.match(await createMetrics('1.2.3').render(), expected);
  });

  it('leave out what costs a scrape more the more callers there are', async () => {
    const page = await createMetrics('1').render();
    assert.match(page, /^process_resident_memory_bytes /m);
    assert.doesNotMatch(page, /nodejs_active_/);
  });

  it('observe each kind of event under its labels', async () => {
    const metrics = createMetrics('1');
    metrics.httpRequests('POST', '/jobs/add')(202, 0.002);
    metrics.faktoryFrame(100, 0.001, 'ok');
    metrics.workerJob('add', 'succeeded', 0.0001);
    const page = await metrics.render();
    for (const line of [
      'http_server_request_duration_seconds_count{http_request_method="POST",http_route="/jobs/add",http_response_status_code="202"} 1',
      'work_factory_faktory_frame_jobs_sum 100',
      'work_factory_faktory_command_duration_seconds_count{command="PUSHB",outcome="ok"} 1',
      'work_factory_worker_job_duration_seconds_count{operation="add",outcome="succeeded"} 1',
    ]) {
      assert.ok(page.includes(`${line}\n`), line);
    }
  });

  it('add up jobs between readings of the page', async () => {
    const metrics = createMetrics('1');
    metrics.job('add', 'enqueued');
    metrics.job('add', 'unknown');
    await metrics.render();
    metrics.job('add', 'enqueued');
    assert.match(await metrics.render(), /^work_factory_jobs_total\{operation="add",outcome="enqueued"\} 2$/m);
    assert.match(await metrics.render(), /^work_factory_jobs_total\{operation="add",outcome="unknown"\} 1$/m);
  });

  it('read states only when the page is read', async () => {
    const metrics = createMetrics('1');
    let reads = 0;
    metrics.readConnections('producer', () => ((reads += 1), { connecting: 1, doubted: 4, idle: 2, busy: 3 }));
    metrics.readPending(() => ({ waitingJobs: 4, waitingBytes: 5, inFlightJobs: 6, inFlightBytes: 7 }));
    assert.equal(reads, 0);
    const page = await metrics.render();
    assert.equal(reads, 1);
    for (const line of [
      'work_factory_faktory_connections{role="producer",state="busy"} 3',
      'work_factory_pending_jobs{stage="waiting"} 4',
      'work_factory_pending_bytes{stage="in_flight"} 7',
    ]) {
      assert.ok(page.includes(`${line}\n`), line);
    }
  });

  it('tell what the broker holds without waiting for it, and nothing when it does not answer', async () => {
    const metrics = createMetrics('1');
    let answer = (): Promise<BrokerJobs> => new Promise(() => undefined);
    metrics.readBrokerJobs(() => answer());
    assert.doesNotMatch(await metrics.render(), /work_factory_broker_jobs\{/, 'it is silent, and the page is there');

    const answering = createMetrics('1');
    answering.readBrokerJobs(() => answer());
    answer = () => Promise.resolve({ queued: 1, scheduled: 2, retrying: 3, dead: 4 });
    await answering.render();
    answer = () => Promise.reject(new Error('away'));
    const page = await answering.render();
    for (const [state, count] of Object.entries({ queued: 1, scheduled: 2, retrying: 3, dead: 4 }))
      assert.ok(page.includes(`work_factory_broker_jobs{state="${state}"} ${count}\n`), state);
    assert.doesNotMatch(await answering.render(), /work_factory_broker_jobs\{/);
  });
});
