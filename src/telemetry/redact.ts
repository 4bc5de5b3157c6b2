import { withoutValues } from '../contract/index.js';

const MASK = '********';

/** Names whose values are never logged, wherever in a line they stand. */
const SECRET_NAME =
  /token|secret|passw|authorization|api_?key|access_?key|private_?key|credential|cookie|signature/i;

/** Under this a secret would mask ordinary words; our own tokens have at least 16 letters. */
const SHORTEST_SECRET = 8;

/**
 * Masks a JSON log line: the values of secret names in any depth, and known secrets wherever they stand, also inside a
 * message or a URL that a library wrote. The finished line is masked, and not what goes into it, because a line also holds
 * fields of the loggers that it was written through. That costs some 10 µs a line.
 */
export function lineMask(secrets: readonly string[]): (line: string) => string {
  const known = secrets
    .filter((secret) => secret.length >= SHORTEST_SECRET)
    .map((secret) => JSON.stringify(secret).slice(1, -1));
  return (line) => {
    const masked = JSON.stringify(JSON.parse(line, (name, value: unknown) => maskField(name, value)));
    return `${known.reduce((text, secret) => text.replaceAll(secret, MASK), masked)}\n`;
  };
}

/** A number under a secret name is a count (`tokens: 12`), and an empty value has nothing to hide. */
function maskField(name: string, value: unknown): unknown {
  if (!SECRET_NAME.test(name)) return typeof value === 'string' ? withoutValues(value) : value;
  return value === null || value === '' || typeof value === 'number' || typeof value === 'boolean'
    ? value
    : MASK;
}
