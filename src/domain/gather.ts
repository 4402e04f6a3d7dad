// Joins questions: all that are asked while a round trip is under way go together in the next.
import type { Clock } from './clock.ts';

export interface GatherOptions<Item, Answer> {
  /** One answer for each item, in their order. */
  ask: (items: readonly Item[]) => Promise<readonly Answer[]>;
  /** Of one question. */
  itemsMax: number;
  clock: Pick<Clock, 'soon'>;
}

/** Of an asker's items, which stay together in their order; more than `itemsMax` are several questions. */
export type Gather<Item, Answer> = (items: readonly Item[]) => Promise<Answer[]>;

interface Asked<Item, Answer> {
  item: Item;
  resolve: (answer: Answer) => void;
  reject: (error: unknown) => void;
}

export function createGather<Item, Answer>({
  ask,
  itemsMax,
  clock,
}: GatherOptions<Item, Answer>): Gather<Item, Answer> {
  let waiting: Asked<Item, Answer>[] = [];
  let isAsking = false;

  async function askAll(): Promise<void> {
    while (waiting.length > 0) {
      const asked = waiting.slice(0, itemsMax);
      waiting = waiting.slice(itemsMax);
      try {
        const answers = await ask(asked.map(({ item }) => item));
        asked.forEach(({ resolve }, index) => resolve(answers[index] as Answer));
      } catch (error) {
        for (const { reject } of asked) reject(error);
      }
    }
    isAsking = false;
  }

  return (items) => {
    const answers = items.map(
      (item) => new Promise<Answer>((resolve, reject) => void waiting.push({ item, resolve, reject })),
    );
    if (!isAsking) {
      isAsking = true;
      // After the input of this turn.
      clock.soon(() => void askAll());
    }
    return Promise.all(answers);
  };
}
