import { setTimeout as sleep } from 'node:timers/promises';

interface Waiting<Item> {
  item: Item;
  resolve: () => void;
  reject: (error: unknown) => void;
}

/**
 * Does `work` for many callers at once: the first goes at once, and those that come while it works share the next. Where work that is shared
 * fails it is done once more for each alone, so that only those fail whose own item does.
 *
 * Those that come within `pauseMs` after it share the next as well: for work that takes less time than passes between two of them.
 */
export function gather<Item>(
  work: (items: Item[]) => Promise<void>,
  pauseMs: () => number = () => 0,
): (item: Item) => Promise<void> {
  let waiting: Waiting<Item>[] = [];
  let running = false;

  const run = async (): Promise<void> => {
    running = true;
    while (waiting.length > 0) {
      const group = waiting;
      waiting = [];
      await settle(group);
      const pause = pauseMs();
      if (pause > 0) await sleep(pause);
    }
    running = false;
  };

  const settle = async (group: readonly Waiting<Item>[]): Promise<void> => {
    try {
      await work(group.map(({ item }) => item));
      for (const { resolve } of group) resolve();
    } catch (error) {
      const [only, ...others] = group;
      if (others.length === 0) only?.reject(error);
      else for (const one of group) await settle([one]);
    }
  };

  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      if (!running) void run();
    });
}
