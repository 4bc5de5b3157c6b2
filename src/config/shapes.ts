import { isIP } from 'node:net';
import { z } from 'zod';
import { messageOf } from '../contract/index.js';
import { parseObjectStoreUrl } from '../objects/index.js';

/** Environment variables and flags are text; a settings file may give a number. */
function numberFromText(value: unknown): unknown {
  return typeof value === 'string' && /^\s*-?\d+\s*$/.test(value) ? Number(value) : value;
}

export function wholeNumber(least: number, most: number = Number.MAX_SAFE_INTEGER) {
  return z.preprocess(numberFromText, z.int().min(least).max(most));
}

/** Already made absolute where it was read: only there is it known what a relative path starts at. */
export function path() {
  return z.string().min(1);
}

export function pathList() {
  return z.array(path()).min(1);
}

/** The parser's own message is kept: it names the part that is wrong, and never repeats what could be a secret. */
export function objectStoreUrl() {
  return z.string().superRefine((text, context) => {
    try {
      parseObjectStoreUrl(text);
    } catch (error) {
      context.addIssue({ code: 'custom', message: messageOf(error) });
    }
  });
}

export function hostName() {
  const label = /^[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?$/;
  return z.stringFormat('host name', (text) => isIP(text) !== 0 || label.test(text));
}

export function hostAndPort() {
  return z.string().regex(/^(\[[0-9a-fA-F:]+\]|[^\s:/]+):\d{1,5}$/);
}

export function clockTime() {
  return z.union([z.literal('system'), z.iso.datetime({ offset: true })]);
}

/** Asked of the runtime's own table: no list of ours could keep up with the time zone database. */
export function timeZone() {
  return z.stringFormat('time zone', (name) => {
    try {
      new Intl.DateTimeFormat('en', { timeZone: name });
      return true;
    } catch {
      return false;
    }
  });
}
