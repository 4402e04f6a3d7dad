// A callback that says only that something has changed, and those who wait for a change.

export interface Changes {
  /** To be given as the callback. */
  fire: () => void;
  /** Resolves as soon as it holds; it is looked at after each change. */
  until: (holds: () => boolean) => Promise<void>;
}

export function createChanges(): Changes {
  const listeners = new Set<() => void>();
  return {
    fire() {
      for (const look of [...listeners]) look();
    },
    until: (holds) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (!holds()) return;
          listeners.delete(look);
          resolve();
        };
        listeners.add(look);
        look();
      }),
  };
}
