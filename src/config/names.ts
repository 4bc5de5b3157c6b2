/** `hotDays` as it is written in the settings file: `hot_days`. */
export function fileName(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** `hotDays` as an environment variable: `AKOSHA_HOT_DAYS`. */
export function environmentName(key: string): string {
  return `AKOSHA_${fileName(key).toUpperCase()}`;
}

/** `hotDays` as a flag of the command line: `--hot-days`. */
export function flagName(key: string): string {
  return `--${fileName(key).replaceAll('_', '-')}`;
}

/**
 * Of the known names the one a writer most likely meant, or undefined. Two letters may be wrong (that
 * is what swapping two costs), or a third of a long name: with more, a suggestion misleads more often than it helps.
 */
export function closest(name: string, known: readonly string[]): string | undefined {
  let best: { name: string; distance: number } | undefined;
  for (const candidate of known) {
    const distance = editDistance(name, candidate);
    if (best === undefined || distance < best.distance) best = { name: candidate, distance };
  }
  return best !== undefined && best.distance <= Math.max(2, name.length / 3) ? best.name : undefined;
}

/** Levenshtein distance: insertions, deletions and replacements that turn one text into the other. */
function editDistance(from: string, to: string): number {
  let previous = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const replace = (previous[column - 1] ?? 0) + (from[row - 1] === to[column - 1] ? 0 : 1);
      const remove = (previous[column] ?? 0) + 1;
      const insert = (current[column - 1] ?? 0) + 1;
      current.push(Math.min(replace, remove, insert));
    }
    previous = current;
  }
  return previous.at(-1) ?? 0;
}
