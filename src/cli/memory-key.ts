import { KINDS, type MemoryKey } from '../contract/index.js';
import { systemIdOf } from './uploads.js';

/** What a memory is called on the command line. */
export const KEY_FORM = '<system>/<kind>/<id>';

/** `system/kind/id` as a key; undefined for anything else. Only the id may have a slash. */
export function parseMemoryKey(text: string): MemoryKey | undefined {
  const [, system, name, memoryId] = /^([^/]+)\/([^/]+)\/(.+)$/s.exec(text) ?? [];
  const kind = KINDS.find((known) => known === name);
  if (system === undefined || kind === undefined || memoryId === undefined) return undefined;
  return { systemId: systemIdOf(system), kind, memoryId };
}
