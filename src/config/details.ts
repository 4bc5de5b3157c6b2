import { z } from 'zod';
import type { Host } from './host.js';

export const GROUPS = [
  'Process',
  'Host and its databases',
  'Object storage',
  'Upload',
  'Ingest',
  'Store',
  'Tiers',
  'Search',
  'Temporal',
  'Outage',
  'Traces',
] as const;
export type SettingGroup = (typeof GROUPS)[number];

export type Initial = string | number | boolean | readonly string[] | ((host: Host) => string | undefined);

/** What is told about a setting besides its shape. */
export interface SettingDetails {
  group: SettingGroup;
  /** Completes "must be …"; told when the rule is broken, and in the reference. */
  rule: string;
  description: string;
  /** Left out where the setting may be absent, or is derived from others (see `SETTINGS`). */
  initial?: Initial;
  /** How the reference words a default that depends on the machine or on another setting. */
  initialText?: string;
  /** Shown nowhere. */
  secret?: boolean;
  /**
   * One of the thirteen that Session-Buddy has under the same name after `akosha_`. In our own file it goes by either name, and it
   * is read from Session-Buddy's files too. An empty text is none, as there.
   */
  sessionBuddy?: true;
  /** Made absolute where it is read. `list` also takes one text separated by commas. */
  paths?: 'one' | 'list';
}

export const SETTING_DETAILS = z.registry<SettingDetails>();

/** A setting's shape, with what is told about it. */
export function setting<Schema extends z.ZodType>(schema: Schema, details: SettingDetails): Schema {
  SETTING_DETAILS.add(schema, details);
  return schema;
}
