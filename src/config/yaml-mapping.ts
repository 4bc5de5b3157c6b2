import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { messageOf } from '../contract/index.js';

/** The one mapping that a settings file holds, or what is wrong with the file: "cannot …", "must …". */
export function readMapping(path: string): { content: Record<string, unknown> } | { rule: string } {
  let content: unknown;
  try {
    content = parse(readFileSync(path, 'utf8'));
  } catch (error) {
    return { rule: `cannot be read: ${messageOf(error).trimEnd()}` };
  }
  // A file of comments alone is an empty one.
  if (content === null) return { content: {} };
  if (typeof content === 'object' && !Array.isArray(content)) return { content: { ...content } };
  return { rule: 'must hold a mapping from names of settings to values' };
}
