import { isIP } from 'node:net';
import { z } from 'zod';
import { isTimeZone, messageOf } from '../contract/index.js';
import { MODEL_NAME } from '../memory/index.js';
import { parseObjectStoreUrl } from '../objects/index.js';

/** Environment variables and flags are text; a settings file may give a number. */
function numberFromText(value: unknown): unknown {
  return typeof value === 'string' && /^\s*-?\d+\s*$/.test(value) ? Number(value) : value;
}

export function wholeNumber(least: number, most: number = Number.MAX_SAFE_INTEGER) {
  return z.preprocess(numberFromText, z.int().min(least).max(most));
}

/** The same with a fraction. */
export function decimal(least: number, most: number) {
  const fromText = (value: unknown): unknown =>
    typeof value === 'string' && /^\s*-?\d+(\.\d+)?\s*$/.test(value) ? Number(value) : value;
  return z.preprocess(fromText, z.number().min(least).max(most));
}

const YES = ['true', 'yes', 'on', '1'];
const NO = ['false', 'no', 'off', '0'];

/** Yes or no, in the words that environment variables and Python's settings use. */
export function flag() {
  return z.preprocess((value) => {
    const word =
      typeof value === 'number' || typeof value === 'string' ? String(value).trim().toLowerCase() : value;
    if (typeof word !== 'string') return value;
    return YES.includes(word) ? true : NO.includes(word) ? false : value;
  }, z.boolean());
}

/** A bucket's name by S3's rules, which R2 and others share. */
export function bucketName() {
  return z.stringFormat(
    'bucket name',
    (name) => /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) && isIP(name) === 0,
  );
}

/** Scheme, host, port and path; no credentials, which would be printed and logged with it. */
export function webAddress() {
  return z.stringFormat('web address', (text) => {
    if (!URL.canParse(text)) return false;
    const { protocol, username, password, search, hash } = new URL(text);
    return /^https?:$/.test(protocol) && [username, password, search, hash].every((part) => part === '');
  });
}

/** The same for a receiver of notices, which may ask for a user, and for a key in the query. */
export function webhookUrl() {
  return z.stringFormat('webhook URL', (text) => {
    if (!URL.canParse(text)) return false;
    const { protocol, hash } = new URL(text);
    return /^https?:$/.test(protocol) && hash === '';
  });
}

/** Already made absolute where it was read: only there is it known what a relative path starts at. */
export function path() {
  return z.string().min(1);
}

export function modelName() {
  return z.string().regex(MODEL_NAME);
}

export function pathList() {
  return z.array(path()).min(1);
}

/** Names, in the environment separated by commas. None holds one: what a name may hold otherwise, whoever uses it says. */
export function nameList() {
  return listOf(
    ',',
    z
      .string()
      .max(1000)
      .regex(/^\P{Cs}+$/u),
  );
}

export function choiceList<const Choices extends readonly string[]>(choices: Choices) {
  return listOf(',', z.enum(choices));
}

/** For texts that hold commas. */
export function lineList() {
  return listOf('\n', z.string().min(1).max(1000));
}

/** A program and its arguments. */
export function command() {
  return listOf(' ', z.string().min(1)).refine((words) => words.length > 0);
}

/** In the environment and in flags one text. */
function listOf<Item extends z.ZodType>(separator: string, item: Item) {
  const fromText = (value: unknown): unknown =>
    typeof value === 'string'
      ? value
          .split(separator)
          .map((part) => part.trim())
          .filter((part) => part !== '')
      : value;
  return z.preprocess(fromText, z.array(item));
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

/** The same; a port alone is one of this machine's loopback address. */
export function metricsAddress() {
  return z.preprocess(
    (value) => (/^\d{1,5}$/.test(String(value)) ? `127.0.0.1:${String(value)}` : value),
    hostAndPort(),
  );
}

export function clockTime() {
  return z.union([z.literal('system'), z.iso.datetime({ offset: true })]);
}

export function timeZone() {
  return z.stringFormat('time zone', isTimeZone);
}
