/**
 * Prints one line per step: what was done, or that it was up to date, and the seconds it took.
 *
 * @param {boolean} quiet says nothing about steps that were up to date
 */
export function createProgress(quiet) {
  const print = (text) => process.stderr.write(`${text}\n`);
  return {
    note: print,
    /**
     * @param {string} title
     * @param {() => Promise<string | undefined>} work what was done, or undefined where nothing had to be
     */
    async step(title, work) {
      const start = performance.now();
      const done = await work();
      const seconds = ((performance.now() - start) / 1000).toFixed(1);
      if (done !== undefined) print(`setup: ${title}: ${done} (${seconds} s)`);
      else if (!quiet) print(`setup: ${title}: up to date`);
    },
  };
}
