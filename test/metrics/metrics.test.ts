// The metrics as a scraper sees them.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BrokerState } from '../../src/domain/broker-state.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';
import { namesMax } from '../../src/metrics/names.ts';

describe('the metrics', () => {
  it('are kept apart: two sets in one process share nothing', async () => {
    const [one, two] = [createMetrics('1'), createMetrics('2')];
    one.job('add', 'enqueued', 'default');
    assert.match(
      await one.render(),
      /^work_factory_jobs_total\{operation="add",queue="default",outcome="enqueued"\} 1$/m,
    );
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

  it('add up jobs by type, queue and outcome, and what was rejected without a queue', async () => {
    const metrics = createMetrics('1');
    metrics.job('add', 'enqueued', 'default');
    metrics.job('add', 'unknown', 'default');
    await metrics.render();
    metrics.job('add', 'enqueued', 'default');
    metrics.job('add', 'enqueued', 'slow');
    metrics.job('add', 'rejected', 'default');
    const page = await metrics.render();
    for (const line of [
      '{operation="add",queue="default",outcome="enqueued"} 2',
      '{operation="add",queue="default",outcome="unknown"} 1',
      '{operation="add",queue="slow",outcome="enqueued"} 1',
      '{operation="add",queue="none",outcome="rejected"} 1',
    ])
      assert.ok(page.includes(`work_factory_jobs_total${line}\n`), line);
  });

  it('show the outcomes of a known type before its first job, because an increase from nothing is none', async () => {
    const metrics = createMetrics('1');
    metrics.knowType('add', 'default');
    assert.match(
      await metrics.render(),
      /^work_factory_jobs_total\{operation="add",queue="default",outcome="unknown"\} 0$/m,
    );
  });

  it('read states only when the page is read', async () => {
    const metrics = createMetrics('1');
    let reads = 0;
    const states = { connecting: 1, doubted: 4, idle: 2, busy: 3 };
    metrics.readConnections('producer', () => {
      reads += 1;
      return { states, openedCount: 7, lostCount: 2, downReason: undefined };
    });
    metrics.readPending(() => ({ waitingJobs: 4, waitingBytes: 5, inFlightJobs: 6, inFlightBytes: 7 }));
    assert.equal(reads, 0);
    const page = await metrics.render();
    assert.ok(reads > 0);
    for (const line of [
      'work_factory_faktory_connections{role="producer",state="busy"} 3',
      'work_factory_faktory_connections_opened_total{role="producer"} 7',
      'work_factory_faktory_connections_lost_total{role="producer"} 2',
      'work_factory_faktory_up{role="producer"} 1',
      'work_factory_pending_jobs{stage="waiting"} 4',
      'work_factory_pending_bytes{stage="in_flight"} 7',
    ]) {
      assert.ok(page.includes(`${line}\n`), line);
    }
  });

  it('show what the broker holds, and nothing of it when it does not say', async () => {
    const metrics = createMetrics('1');
    let state: BrokerState | undefined = {
      queues: [
        { name: 'default', depth: 3, latencySeconds: 1.5, isPaused: false },
        { name: 'slow', depth: 1, latencySeconds: undefined, isPaused: undefined },
      ],
      scheduled: 2,
      retries: 3,
      dead: 4,
      working: 5,
      processed: 60,
      failures: 7,
    };
    metrics.readBrokerState({ look: () => Promise.resolve(state) });
    const page = await metrics.render();
    for (const line of [
      'work_factory_broker_jobs{state="queued"} 4',
      'work_factory_broker_jobs{state="scheduled"} 2',
      'work_factory_broker_jobs{state="retrying"} 3',
      'work_factory_broker_jobs{state="dead"} 4',
      'work_factory_broker_jobs{state="working"} 5',
      'work_factory_queue_depth_jobs{queue="default"} 3',
      'work_factory_queue_latency_seconds{queue="default"} 1.5',
      'work_factory_broker_jobs_ended_total{outcome="failed"} 7',
    ])
      assert.ok(page.includes(`${line}\n`), line);
    assert.doesNotMatch(page, /latency_seconds\{queue="slow"\}/, 'the broker did not say');
    state = undefined;
    assert.doesNotMatch(await metrics.render(), /^work_factory_(broker_jobs|queue_depth_jobs)\{/m);
  });

  it('have as many series as the limit on names allows, whatever names callers and other clients make up', async () => {
    const metrics = createMetrics('1');
    const madeUp = Array.from({ length: 5000 }, (_, index) => `queue-${index}`);
    for (const name of madeUp) {
      metrics.job('other', 'enqueued', name);
      metrics.queueWait(name, 1);
      metrics.faktoryCommand(name, 1, 'ok');
    }
    metrics.knowQueues(['images']);
    const queues = [...madeUp, 'images'].map((name) => ({ name, depth: 2, latencySeconds: 1, isPaused: false }));
    const sets = { scheduled: 0, retries: 0, dead: 0, working: 0, processed: 0, failures: 0 };
    metrics.readBrokerState({ look: () => Promise.resolve({ queues, ...sets }) });
    const page = await metrics.render();
    const labels = new Set([...page.matchAll(/queue="([^"]*)"/g)].map(([, name]) => name));
    assert.equal(labels.size, namesMax + 2, 'named ones, `images` that is known, and `other`');
    assert.ok(page.includes('work_factory_queue_depth_jobs{queue="images"} 2\n'));
    assert.ok(page.includes(`work_factory_queue_depth_jobs{queue="other"} ${2 * (5000 - namesMax)}\n`));
    assert.ok(
      page.includes(`work_factory_jobs_total{operation="other",queue="other",outcome="enqueued"} ${5000 - namesMax}\n`),
    );
    assert.ok(
      page.includes('work_factory_faktory_command_duration_seconds_count{command="other",outcome="ok"} 5000\n'),
    );
  });
});
