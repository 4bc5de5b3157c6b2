import { INBOX_PREFIX, parseInboxKey, uploadPrefix, type UploadRef } from '../contract/index.js';
import type { KnownUpload } from '../store/index.js';
import type { AbsentManifests } from './absent-manifests.js';
import type { IngestContext } from './context.js';
import { knownAt } from './known-places.js';
import type { Look } from './look.js';
import { signalOption } from './signal-option.js';

/** Some fifty megabytes. Beyond it entries wait, in the order of the listing, for a later scan, to which these are known. */
const MOST = 200_000;

/** So that no host fills the scan with its own. */
const MOST_OF_SYSTEM = 1_000;

/** An inbox entry whose upload is not on record. */
export interface NewEntry {
  place: UploadRef;
  /** When it was written, in milliseconds since 1970 by the object store's clock. */
  at: number;
}

/** What lies in the inbox. */
export interface InboxScan {
  /** The oldest first. */
  fresh: NewEntry[];
  /** On record, and not waiting for their ingest: such an entry is told of once more, or should have gone. */
  known: KnownUpload[];
  /** Those that there was no room for in `fresh`. */
  beyond: { uploads: number; oldest: number | null };
}

export interface ScanOptions {
  absent: AbsentManifests;
  signal: AbortSignal | undefined;
}

/** Lists the whole inbox: a request for each thousand entries, and a lookup in the catalog; none of an entry itself. */
export async function scanInbox(
  context: IngestContext,
  look: Look,
  { absent, signal }: ScanOptions,
): Promise<InboxScan> {
  const scan: InboxScan = { fresh: [], known: [], beyond: { uploads: 0, oldest: null } };
  const ofSystem = new Map<string, number>();
  const listed = new Set<string>();
  const pages = context.uploads.list(INBOX_PREFIX, { purpose: 'inbox', ...signalOption(signal) });
  for await (const page of pages) {
    const entries = page.objects.flatMap(({ key, modifiedAt }) => entryOf(look, key, modifiedAt));
    look.seen += entries.length;
    const known = await knownAt(
      context,
      entries.map(({ place }) => place),
    );
    scan.known.push(...[...known.values()].filter(({ state }) => state !== 'pending'));
    for (const entry of entries) {
      const prefix = uploadPrefix(entry.place);
      if (known.has(prefix)) continue;
      if (absent.isPausing(entry.place, performance.now())) {
        listed.add(prefix);
        continue;
      }
      const { systemId } = entry.place;
      const before = ofSystem.get(systemId) ?? 0;
      if (before >= MOST_OF_SYSTEM || scan.fresh.length >= MOST) {
        addTo(scan.beyond, entry);
        continue;
      }
      ofSystem.set(systemId, before + 1);
      listed.add(prefix);
      scan.fresh.push(entry);
    }
  }
  absent.keepOnly(listed);
  scan.fresh.sort((a, b) => a.at - b.at);
  return scan;
}

/** Counts an entry among those that wait. */
export function addTo(waiting: InboxScan['beyond'], { at }: NewEntry): void {
  waiting.uploads++;
  waiting.oldest = Math.min(waiting.oldest ?? at, at);
}

/** Our agents alone write entries, and an agent's folders are named by its ids. */
function entryOf(look: Look, key: string, modifiedAt: Date): NewEntry[] {
  const place = parseInboxKey(key);
  if (place !== undefined) return [{ place, at: modifiedAt.getTime() }];
  look.skip(key, 'is not inbox/<upload id>@<system id>');
  return [];
}
