// Which queues of a worker process share slots.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { z } from 'zod';
import { createRegistry, type JobType } from '../../src/domain/job-type.ts';
import { builtInTypes } from '../../src/jobs/built-in.ts';
import { compileDefinition } from '../../src/jobs/compile-definition.ts';
import { createQueueGroups } from '../../src/roles/queue-groups.ts';

function typeOf(name: string, definition: Record<string, unknown>): JobType {
  const compiled = compileDefinition({ name, args: z.object({}), run: () => null, ...definition });
  assert.ok('type' in compiled, JSON.stringify(compiled));
  return compiled.type;
}

const registry = createRegistry([
  ...builtInTypes,
  typeOf('slow', { queue: 'calls', ownSlots: true }),
  typeOf('beside', { queue: 'calls' }),
  typeOf('other', { queue: 'others', ownSlots: true }),
  typeOf('quick', { queue: 'images' }),
  typeOf('elsewhere', { queue: 'mails', run: undefined }),
]);

const groupsOf = (queues?: readonly string[]) =>
  createQueueGroups({ WORKER_QUEUES: queues as string[] | undefined }, registry).map((group) => [
    ...group.queues,
    group.hasOwnSlots,
  ]);

describe('the queues of a worker process', () => {
  it('share slots, but for each that has its own', () => {
    assert.deepEqual(groupsOf(), [
      ['default', 'images', false],
      ['calls', true],
      ['others', true],
    ]);
  });

  it('are those of WORKER_QUEUES, in its order', () => {
    assert.deepEqual(groupsOf(['mails', 'calls', 'default']), [
      ['mails', 'default', false],
      ['calls', true],
    ]);
    assert.deepEqual(groupsOf(['calls']), [['calls', true]]);
    assert.deepEqual(groupsOf(['default']), [['default', false]]);
  });

  it('have a worker of another name for each group', () => {
    const wids = createQueueGroups({ WORKER_QUEUES: undefined }, registry).map(({ wid }) => wid);
    assert.equal(new Set(wids).size, 3);
  });
});
