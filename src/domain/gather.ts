// Joins questions: the questions that arrive during a round trip go together in the next round trip.
import type { Clock } from './clock.ts';

export interface GatherOptions<Item, Reply> {
  /** One reply for each item, in their order. */
  ask: (items: readonly Item[]) => Promise<readonly Reply[]>;
  /** The most items of one question. */
  itemsMax: number;
  clock: Pick<Clock, 'soon'>;
}

/** Asks for the items of one caller. Items stay together in their order; more than `itemsMax` become several questions. */
export type Gather<Item, Reply> = (items: readonly Item[]) => Promise<Reply[]>;

interface Asked<Item, Reply> {
  item: Item;
  resolve: (reply: Reply) => void;
  reject: (error: unknown) => void;
}

export function createGather<Item, Reply>({ ask, itemsMax, clock }: GatherOptions<Item, Reply>): Gather<Item, Reply> {
  let waiting: Asked<Item, Reply>[] = [];
  let isAsking = false;

  async function askAll(): Promise<void> {
    while (waiting.length > 0) {
      const asked = waiting.slice(0, itemsMax);
      waiting = waiting.slice(itemsMax);
      try {
        const replies = await ask(asked.map(({ item }) => item));
        asked.forEach(({ resolve }, index) => resolve(replies[index] as Reply));
      } catch (error) {
        for (const { reject } of asked) reject(error);
      }
    }
    isAsking = false;
  }

  return (items) => {
    const replies = items.map(
      (item) => new Promise<Reply>((resolve, reject) => void waiting.push({ item, resolve, reject })),
    );
    if (!isAsking) {
      isAsking = true;
      // Asks after the input of this turn, so that questions of one turn go together.
      clock.soon(() => void askAll());
    }
    return Promise.all(replies);
  };
}
