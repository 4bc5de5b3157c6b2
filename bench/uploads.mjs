import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { openObjectStore } from '../dist/objects/index.js';
import { ReaderPool } from '../dist/reader/index.js';
import { openHost, syncDirectly } from '../dist/upload/index.js';
import { NOW } from './support.mjs';
import { writeDatabase } from './synthetic.mjs';

const SYSTEM = 'made';

/**
 * The uploads that a host makes one after the other as an agent does, each of so many new conversations: their files by name. Any number of
 * systems may have them as theirs, because whose they are is what differs.
 */
export async function makeUploads({ rows, each = 1 }) {
  const folder = await mkdtemp(join(tmpdir(), 'akosha-bench-made-'));
  const uploads = await openObjectStore(pathToFileURL(join(folder, 'objects')).href);
  const reader = new ReaderPool({ size: 1, memoryLimitMb: 512, jobTimeoutMs: 600_000 });
  try {
    const made = [];
    for (let turn = 0; turn < each; turn++) {
      const database = join(folder, `reflection-${turn}.duckdb`);
      await writeDatabase(database, rows, (turn + 1) / 1000);
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

/** Puts a made upload as a system's own: as a host does, and with an inbox entry where it is to be found by the poll. Returns the manifest's key. */
export async function putUpload(objects, { turn, data, manifest }, { systemId, uploadId }, { inbox }) {
  const prefix = `systems/${systemId}/uploads/${uploadId}/`;
  for (const { name, bytes } of data) await objects.put(prefix + name, bytes);
  const own = manifest
    .replaceAll(`"${madeId(turn)}"`, `"${uploadId}"`)
    .replaceAll(`"${SYSTEM}"`, `"${systemId}"`);
  await objects.put(`${prefix}manifest.json`, own);
  if (inbox) await objects.put(`inbox/${uploadId}@${systemId}`, '');
  return `${prefix}manifest.json`;
}

/** Runs `work` for each of them, so many at once. */
export async function someAtOnce(count, items, work) {
  const rest = items.values();
  const takeTurns = async () => {
    for (const item of rest) await work(item);
  };
  await Promise.all(Array.from({ length: count }, takeTurns));
}
