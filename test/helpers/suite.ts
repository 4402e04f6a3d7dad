// What all tests of one `describe` share, such as one started service: it ends with the last of them.
import { after, type TestContext } from 'node:test';

/** Call it in the body of `describe`; what a test would be given as `t` then lives as long as the suite. */
export function createSuite(): Pick<TestContext, 'after'> {
  const ends: (() => unknown)[] = [];
  after(async () => {
    for (const end of ends.reverse()) await end();
  });
  return { after: (end) => void ends.push(end as () => unknown) };
}
