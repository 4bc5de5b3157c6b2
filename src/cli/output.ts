import { InvalidArgumentError, type Command } from 'commander';

/** `--json` on every command, in one place. */
export function withJson(command: Command): Command {
  return command.option('--json', 'print the answer as JSON');
}

/** Parses an option's value; anything but a number above 0 is wrong usage. */
export function positiveNumber(text: string): number {
  const number = Number(text);
  if (Number.isFinite(number) && number > 0) return number;
  throw new InvalidArgumentError('It must be a number above 0.');
}

/** Prints an answer: as JSON, or as the text that `render` makes of it. */
export function print<T>(answer: T, json: boolean | undefined, render: (answer: T) => string): void {
  console.log(json === true ? JSON.stringify(answer, null, 2) : render(answer));
}

/** Columns padded to their widest cell. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, cell.length)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** An answer's fields for a table, in words: a line for each, and for each item of a list of objects. */
export function describeFields(answer: Readonly<Record<string, unknown>>): string[][] {
  return Object.entries(answer).flatMap(([name, value]) => {
    const lines = Array.isArray(value) && value.some(isObject) ? value.map(words) : [words(value)];
    return lines.map((line, i) => [i === 0 ? label(name) : '', line]);
  });
}

function words(value: unknown): string {
  if (value === null || value === undefined || value === '') return '-';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (Array.isArray(value)) return value.map(words).join(', ') || 'none';
  if (!isObject(value)) return typeof value === 'string' ? value : JSON.stringify(value);
  const fields = Object.entries(value).map(([name, field]) => `${label(name)} ${words(field)}`);
  return fields.join(', ') || 'none';
}

function label(name: string): string {
  return name.replaceAll('_', ' ');
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

export function bytes(count: number): string {
  const power = count < 1 ? 0 : Math.min(Math.floor(Math.log2(count) / 10), UNITS.length - 1);
  return `${(count / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${UNITS[power] ?? ''}`;
}

export function count(n: number, what: string, several = `${what}s`): string {
  return `${n} ${n === 1 ? what : several}`;
}
