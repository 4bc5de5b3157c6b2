import { manifestKey, uploadPrefix, type UploadRef } from '../../../src/contract/index.js';
import { makeSound, oursManifest, originalManifest, type Files } from './make.js';

/** What the test plants outside of the server's folders, for inputs that try to reach it. */
export interface Canary {
  /** A folder with a text, a CSV and a database in it. Nothing may be added to it, changed in it or told of it. */
  folder: string;
  text: string;
  csv: string;
  database: string;
}

/** In the canaries' contents and in the environment variable `AKOSHA_CANARY`: it must never be found in the store. */
export const SECRET = 'canary-4b1d';

/** What an upload gets: quarantine, with a reason of which this is a part; or its rows, of which some may be refused. */
export type UploadGets = { quarantined: string } | { rows: number; refused?: number };

/** An upload: objects in folders of its own, found by the daily walk. */
export interface HostileUpload {
  name: string;
  what: string;
  gets: UploadGets;
  /** Where the id itself is what is hostile. */
  uploadId?: string;
  /** Objects by key. */
  make: (place: UploadRef, canary: Canary) => Promise<Readonly<Record<string, Uint8Array | string>>>;
}

/** Objects under names that no upload of ours has. */
export interface HostileName {
  name: string;
  what: string;
  /** Passed over and counted; or ingested, under a system id of this form; or in quarantine with this reason; or not even listed. */
  gets: { skipped: number } | { system: RegExp } | { unseen: true };
  keys: readonly string[];
}

/** A request, byte by byte, to a server whose token the client has. */
export interface HostileRequest {
  name: string;
  what: string;
  /** The status, and a part of the answer's body. */
  gets: { status: number; says?: string };
  send: () => readonly (string | Uint8Array)[];
}

/** An upload of the original dialect, which says nothing of its files that could be held against them. */
export function files(
  name: string,
  what: string,
  gets: UploadGets,
  make: (canary: Canary) => Promise<Files> | Files,
): HostileUpload {
  return {
    name,
    what,
    gets,
    make: async (place, canary) => {
      const made = await make(canary);
      return { ...under(place, made), [manifestKey(place)]: originalManifest(place, Object.keys(made)) };
    },
  };
}

type Json = Record<string, unknown>;

/** A sound upload of ours whose manifest is changed. */
export function ours(
  name: string,
  what: string,
  gets: UploadGets,
  change: (manifest: Json, file: Json) => Json | string | Uint8Array,
): HostileUpload {
  return {
    name,
    what,
    gets,
    make: async (place) => {
      const made = { 'reflection.duckdb': await makeSound() };
      const manifest = oursManifest(place, made);
      const [file] = manifest.files;
      const changed = change(manifest, { ...file });
      return { ...under(place, made), [manifestKey(place)]: bytesOf(changed) };
    },
  };
}

/** A sound upload of the original dialect whose manifest is changed. */
export function original(
  name: string,
  what: string,
  gets: UploadGets,
  change: (manifest: Json) => Json | string | Uint8Array,
): HostileUpload {
  return {
    name,
    what,
    gets,
    make: async (place) => {
      const made = { 'reflection.duckdb': await makeSound() };
      const manifest: Json = JSON.parse(originalManifest(place, Object.keys(made)));
      return { ...under(place, made), [manifestKey(place)]: bytesOf(change(manifest)) };
    },
  };
}

function bytesOf(manifest: Json | string | Uint8Array): string | Uint8Array {
  return typeof manifest === 'string' || manifest instanceof Uint8Array ? manifest : JSON.stringify(manifest);
}

function under(place: UploadRef, made: Files): Record<string, Uint8Array> {
  return Object.fromEntries(Object.entries(made).map(([name, bytes]) => [uploadPrefix(place) + name, bytes]));
}
