import { readFile, readdir, rm, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { messageOf } from '../../contract/index.js';
import { parseManifest, type Manifest } from '../../memory/index.js';
import { isMissing, makeFolderDurably, syncFolder, writeFileDurably } from '../../runtime/index.js';
import { agentFolder, assertUploadId, type UploadLog } from '../options.js';

/**
 * Written last: an upload without it was never promised to anyone. Its bytes are the manifest's, to the
 * letter.
 */
const STATE_NAME = 'upload.json';

const StateOwner = z.looseObject({ system_id: z.string() });

export interface QueuedUpload {
  manifest: Manifest;
  /** What will be the manifest object. */
  bytes: Buffer;
  folder: string;
}

/**
 * The files of the uploads that wait for delivery: `<dataDir>/agent/outbox/<upload_id>/{upload.json, files…}`. Changes
 * are made under the host lock.
 */
export class OutboxFiles {
  readonly #root: string;
  readonly #log: UploadLog | undefined;

  constructor(dataDir: string, log?: UploadLog) {
    this.#root = join(agentFolder(dataDir), 'outbox');
    this.#log = log;
  }

  /** What is queued, oldest first. */
  async list(): Promise<QueuedUpload[]> {
    const found = await Promise.all((await this.#names()).map((name) => this.find(name)));
    return found.filter((upload) => upload !== undefined).sort((a, b) => a.manifest.order - b.manifest.order);
  }

  /** Undefined where there is no such upload, or one that is not whole. */
  async find(uploadId: string): Promise<QueuedUpload | undefined> {
    assertUploadId(uploadId);
    const folder = join(this.#root, uploadId);
    let bytes: Buffer;
    try {
      bytes = await readFile(join(folder, STATE_NAME));
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
    try {
      const { system_id: systemId } = StateOwner.parse(JSON.parse(bytes.toString('utf8')));
      const manifest = parseManifest({ systemId, uploadId }, bytes);
      for (const { name, storedBytes } of manifest.files) {
        const { size } = await stat(join(folder, name));
        if (size !== storedBytes) throw new Error(`${name} has ${size} bytes instead of ${storedBytes}`);
      }
      return { manifest, bytes, folder };
    } catch (error) {
      // Damaged on disk. Nothing is lost: the next upload holds the whole databases again.
      this.#log?.warn(
        { uploadId, reason: messageOf(error) },
        'an upload in the outbox is damaged and is passed over',
      );
      return undefined;
    }
  }

  /** An empty folder to gather the files of a new upload in. */
  async create(uploadId: string): Promise<string> {
    await this.discard(uploadId);
    const folder = join(this.#root, uploadId);
    await makeFolderDurably(folder);
    return folder;
  }

  /** Makes the upload part of the queue. Its files must have been forced to disk. */
  async commit(uploadId: string, manifest: string): Promise<void> {
    const folder = join(this.#root, uploadId);
    await syncFolder(folder);
    await writeFileDurably(join(folder, STATE_NAME), manifest);
  }

  /** Changes what will be the manifest of an upload of which nothing was sent. */
  async rewrite(uploadId: string, manifest: string): Promise<void> {
    assertUploadId(uploadId);
    await writeFileDurably(join(this.#root, uploadId, STATE_NAME), manifest);
  }

  /** Takes an upload out of the queue, whatever its state. */
  async discard(uploadId: string): Promise<void> {
    assertUploadId(uploadId);
    const folder = join(this.#root, uploadId);
    try {
      // First and durably, so that a crash half way leaves something that counts as never made.
      await unlink(join(folder, STATE_NAME));
      await syncFolder(folder);
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
    await rm(folder, { recursive: true, force: true });
  }

  /**
   * Removes what a crash left half made. The caller holds the host lock, so nobody is at work on any of it.
   */
  async discardHalfMade(): Promise<void> {
    for (const name of await this.#names()) {
      if ((await this.find(name)) === undefined) await this.discard(name);
    }
  }

  async #names(): Promise<string[]> {
    try {
      const entries = await readdir(this.#root, { withFileTypes: true });
      return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
  }
}
