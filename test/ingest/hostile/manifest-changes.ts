import type { UploadGets } from './input.js';

export type Json = Record<string, unknown>;

export const says = (part: string): UploadGets => ({ quarantined: part });
export const NO_JSON = says('is not JSON');
export const SOUND: UploadGets = { rows: 2 };

export const withField =
  (field: string, value: unknown) =>
  (manifest: Json): Json => ({ ...manifest, [field]: value });

export const withFile =
  (changes: Json) =>
  (manifest: Json, file: Json): Json => ({ ...manifest, files: [{ ...file, ...changes }] });

/** Text that JSON.stringify would not write. */
export const withText =
  (field: string, text: string) =>
  (manifest: Json): string =>
    JSON.stringify({ ...manifest, [field]: '@@' }).replace('"@@"', text);
