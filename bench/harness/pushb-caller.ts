// A caller that pushes frames straight to the broker: jobs as the service writes them, with a fresh id each.
import { randomUUID } from 'node:crypto';
import type { Caller, OnDone } from './caller.ts';
import { openFaktoryLink, type RespLink } from './resp-link.ts';
import type { PushbLoad } from './load.ts';

export function createPushbCaller({ port, jobsPerFrame }: PushbLoad, onDone: OnDone): Caller {
  const createFrame = frameFactory(jobsPerFrame);
  let link: RespLink | undefined;
  const caller: Caller = {
    opened: openFaktoryLink(port).then((opened) => void (link = opened)),
    next() {
      void link?.call(createFrame()).then(
        (reply) => onDone(caller, reply === '{}'),
        () => onDone(caller, false),
      );
    },
    close: () => link?.close(),
  };
  return caller;
}

/** Makes PUSHB commands of `jobs` jobs; ids are a random prefix and a count. */
export function frameFactory(jobs: number): () => string {
  const prefix = randomUUID().slice(0, 24);
  const rest = '","jobtype":"math_add","args":[{"a":1,"b":2,"request_id":null}],"reserve_for":60,"retry":25}';
  let count = 0;
  return () => {
    let frame = 'PUSHB [';
    for (let index = 0; index < jobs; index++) {
      frame += `${index === 0 ? '' : ','}{"jid":"${prefix}${(count++).toString(16).padStart(12, '0')}${rest}`;
    }
    return `${frame}]`;
  };
}
