import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { HTTP, OBJECT_NAMES, UPLOADS } from './catalogue.js';
import { renderHostileInputs } from './table.js';

it('docs/reference/hostile-inputs.md is what the catalogue says; scripts/hostile-inputs-doc.mjs writes it anew', () => {
  const path = fileURLToPath(new URL('../../../docs/reference/hostile-inputs.md', import.meta.url));
  expect(readFileSync(path, 'utf8')).toBe(renderHostileInputs());
});

it('no two inputs have one name', () => {
  const names = [...Object.values(UPLOADS).flat(), ...OBJECT_NAMES, ...HTTP].map(({ name }) => name);
  expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([]);
  expect(names.length).toBeGreaterThan(200);
});
