import { readFile, realpath } from 'node:fs/promises';
import {
  applyEdits,
  findNodeAtLocation,
  getNodeValue,
  modify,
  parseTree,
  type ParseError,
} from 'jsonc-parser';
import { z } from 'zod';
import { AkoshaError, messageOf } from '../../contract/index.js';
import { replaceFile } from './replace-file.js';

/**
 * Claude Code's settings file, as its documentation of hooks describes it: `hooks.SessionEnd` is a list of groups, each with a list of
 * commands. Ours is told from others by the words that every one of our commands holds.
 */
const EVENT_PATH = ['hooks', 'SessionEnd'];
const MARK = / session-end --data-dir /;

/** Seconds. The command takes a tenth of one; a host that swaps must not have it cut off before its row is on disk. */
const TIMEOUT_SECONDS = 10;

const Entry = z.looseObject({ command: z.string().optional() });
const Group = z.looseObject({ hooks: z.array(Entry).optional() });
const Groups = z.array(Group);

export interface HookState {
  file: string;
  /** The installed command; null where there is none. */
  command: string | null;
}

export interface HookChange extends HookState {
  changed: boolean;
}

export async function findHook(file: string): Promise<HookState> {
  const text = await readOrEmpty(file);
  const [ours] = oursIn(groupsOf(file, text));
  return { file, command: ours?.command ?? null };
}

/**
 * Puts our command among the SessionEnd hooks, once, in place of an older one of ours. Nothing else in the file changes: edits are made to
 * its text, so that comments, order and indentation stay. Raises `BadRequest` for a file that is not JSON of the expected shape, which is
 * then left alone.
 */
export async function installHook(file: string, command: string): Promise<HookChange> {
  const before = await readOrEmpty(file);
  const entry = { type: 'command', command, timeout: TIMEOUT_SECONDS };
  const groups = groupsOf(file, before);
  const [first] = oursIn(groups);
  const after =
    first === undefined
      ? edit(before === '' ? '{}' : before, [...EVENT_PATH, groups.length], { hooks: [entry] })
      : edit(before, [...EVENT_PATH, first.group, 'hooks', first.entry], entry);
  return save(file, before, ensureNewline(before, after), command);
}

/** Takes our command out again, and with it the lists that it alone was in. */
export async function removeHook(file: string): Promise<HookChange> {
  const before = await readOrEmpty(file);
  let after = before;
  for (;;) {
    const groups = groupsOf(file, after);
    const [ours] = oursIn(groups);
    if (ours === undefined) break;
    after = removeWithEmptyParents(after, ours.group, ours.entry);
  }
  return save(file, before, after, null);
}

interface Ours {
  group: number;
  entry: number;
  command: string;
}

function oursIn(groups: z.infer<typeof Groups>): Ours[] {
  return groups.flatMap(({ hooks = [] }, group) =>
    hooks.flatMap(({ command = '' }, entry) => (MARK.test(command) ? [{ group, entry, command }] : [])),
  );
}

function removeWithEmptyParents(text: string, group: number, entry: number): string {
  const commands = [...EVENT_PATH, group, 'hooks'];
  let changed = edit(text, [...commands, entry], undefined);
  if (!isEmpty(changed, commands)) return changed;
  // A group without commands does nothing, whatever its matcher.
  changed = edit(changed, [...EVENT_PATH, group], undefined);
  for (const list of [EVENT_PATH, EVENT_PATH.slice(0, 1)]) {
    if (!isEmpty(changed, list)) return changed;
    changed = edit(changed, list, undefined);
  }
  return changed;
}

function isEmpty(text: string, path: (string | number)[]): boolean {
  const tree = parseTree(text);
  const node = tree === undefined ? undefined : findNodeAtLocation(tree, path);
  return node !== undefined && (node.children ?? []).length === 0;
}

function groupsOf(file: string, text: string): z.infer<typeof Groups> {
  if (text.trim() === '') return [];
  const errors: ParseError[] = [];
  const tree = parseTree(text, errors, { allowTrailingComma: true });
  if (errors.length > 0 || tree?.type !== 'object') throw unreadable(file, 'it is not a JSON object');
  const node = findNodeAtLocation(tree, EVENT_PATH);
  if (node === undefined) {
    const hooks = findNodeAtLocation(tree, EVENT_PATH.slice(0, 1));
    if (hooks !== undefined && hooks.type !== 'object') throw unreadable(file, '"hooks" is not an object');
    return [];
  }
  const value: unknown = getNodeValue(node);
  const groups = Groups.safeParse(value);
  if (!groups.success) throw unreadable(file, '"hooks.SessionEnd" is not a list of groups with "hooks"');
  return groups.data;
}

function edit(text: string, path: (string | number)[], value: unknown): string {
  return applyEdits(text, modify(text, path, value, { formattingOptions: indentationOf(text) }));
}

/** As the file has it; two spaces, as Claude Code writes, where nothing is indented. */
function indentationOf(text: string): { tabSize: number; insertSpaces: boolean; eol: string } {
  const [, indent = '  '] = /\n([ \t]+)\S/.exec(text) ?? [];
  return {
    insertSpaces: !indent.startsWith('\t'),
    tabSize: indent.startsWith('\t') ? 1 : indent.length,
    eol: text.includes('\r\n') ? '\r\n' : '\n',
  };
}

function ensureNewline(before: string, after: string): string {
  return before === '' ? `${after}\n` : after;
}

async function save(
  file: string,
  before: string,
  after: string,
  command: string | null,
): Promise<HookChange> {
  const changed = before !== after;
  // A settings file kept elsewhere and linked to must stay a link.
  if (changed) await replaceFile(await realpath(file).catch(() => file), after);
  return { file, command, changed };
}

async function readOrEmpty(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
    throw unreadable(file, messageOf(error));
  }
}

function unreadable(file: string, reason: string): AkoshaError {
  return new AkoshaError(
    'BadRequest',
    `${file} cannot be edited: ${reason}; mend it, or name another with --settings`,
  );
}
