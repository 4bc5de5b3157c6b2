import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { openObjectStore } from '../dist/objects/index.js';
import { ReaderPool } from '../dist/reader/index.js';
import { openHost, syncDirectly } from '../dist/upload/index.js';
import { NOW } from './support.mjs';
import { DAYS, writeDatabase } from './synthetic.mjs';

const SYSTEM = 'made';

/**
 * The uploads that a host makes one after the other as an agent does, each of so many new conversations that reach back so many days: their
 * files by name. Any number of systems may have them as theirs, because whose they are is what differs.
 */
export async function makeUploads({ rows, each = 1, days = DAYS }) {
  const folder = await mkdtemp(join(tmpdir(), 'akosha-bench-made-'));
  const uploads = await openObjectStore(pathToFileURL(join(folder, 'objects')).href);
  const reader = new ReaderPool({ size: 1, memoryLimitMb: 512, jobTimeoutMs: 600_000 });
  try {
    const made = [];
    for (let turn = 0; turn < each; turn++) {
      const database = join(folder, `reflection-${turn}.duckdb`);
      await writeDatabase(database, rows, (turn + 1) / 1000, days);
      const host = openHost({
        systemId: SYSTEM,
        dataDir: join(folder, 'host'),
        databases: [database],
        uploads,
        reader,
        timeZone: 'UTC',
        now: () => NOW + turn * 1000,
      });
      await syncDirectly(host, { uploadId: madeId(turn) });
      host.close();
      made.push(await filesOf(join(folder, 'objects', 'systems', SYSTEM, 'uploads', madeId(turn)), turn));
    }
    return made;
  } finally {
    await reader.close();
    await uploads.close();
    await rm(folder, { recursive: true, force: true });
  }
}

function madeId(turn) {
  return `${SYSTEM}-upload-${turn}`;
}

async function filesOf(place, turn) {
  const names = await readdir(place);
  const files = await Promise.all(
    names.map(async (name) => ({ name, bytes: await readFile(join(place, name)) })),
  );
  const isManifest = ({ name }) => name === 'manifest.json';
  return {
    turn,
    data: files.filter((file) => !isManifest(file)),
    manifest: files.find(isManifest).bytes.toString(),
  };
}

/** Puts the files of a made upload as a system's own, but for its manifest: it is none yet. */
export async function putFiles(objects, { data }, ref) {
  for (const { name, bytes } of data) await objects.put(prefixOf(ref) + name, bytes);
}

/** Puts the manifest, with which the upload is there, and an inbox entry where it is to be found by the poll. Returns the manifest's key. */
export async function putManifest(objects, { turn, manifest }, ref, { inbox }) {
  const { systemId, uploadId } = ref;
  const own = manifest
    .replaceAll(`"${madeId(turn)}"`, `"${uploadId}"`)
    .replaceAll(`"${SYSTEM}"`, `"${systemId}"`);
  const key = `${prefixOf(ref)}manifest.json`;
  await objects.put(key, own);
  if (inbox) await objects.put(`inbox/${uploadId}@${systemId}`, '');
  return key;
}

/** Both, as a host does. */
export async function putUpload(objects, made, ref, { inbox }) {
  await putFiles(objects, made, ref);
  return putManifest(objects, made, ref, { inbox });
}

/** Tells the server of an upload as an object store does that posts its events. */
export async function postEvent(api, key) {
  const object = { eventName: 'ObjectCreated:Put', s3: { bucket: { name: 'bench' }, object: { key } } };
  const response = await fetch(`${api}/api/v1/events/objects`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ Records: [{ eventVersion: '2.1', eventSource: 'aws:s3', ...object }] }),
  });
  if (!response.ok) throw new Error(`the event was answered ${response.status}: ${await response.text()}`);
}

function prefixOf({ systemId, uploadId }) {
  return `systems/${systemId}/uploads/${uploadId}/`;
}

/** Runs `work` for each of them, so many at once. */
export async function someAtOnce(count, items, work) {
  const rest = items.values();
  const takeTurns = async () => {
    for (const item of rest) await work(item);
  };
  await Promise.all(Array.from({ length: count }, takeTurns));
}
