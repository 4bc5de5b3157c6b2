import { uploadPrefix, type UploadRef } from '../contract/index.js';

/** Ten thousand common manifests. */
const MAX_BYTES = 16 * 2 ** 20;

interface KnownManifest {
  bytes: Buffer;
  sha256: string;
}

/**
 * Manifests as they were when their uploads were queued, so that the ingest that follows need not fetch them once more: a request less of
 * six. In memory, and the oldest go first: who does not find one here fetches it.
 */
export class KnownManifests {
  readonly #ofPlace = new Map<string, KnownManifest>();
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes = MAX_BYTES) {
    this.#maxBytes = maxBytes;
  }

  remember(place: UploadRef, manifest: KnownManifest): void {
    this.#remove(uploadPrefix(place));
    this.#ofPlace.set(uploadPrefix(place), manifest);
    this.#bytes += manifest.bytes.byteLength;
    for (const oldest of this.#ofPlace.keys()) {
      if (this.#bytes <= this.#maxBytes) return;
      this.#remove(oldest);
    }
  }

  /** Once: an attempt that follows sees what stands in the store by then. Undefined where it is not the one of this hash. */
  take(place: UploadRef, sha256: string): Buffer | undefined {
    const known = this.#remove(uploadPrefix(place));
    return known?.sha256 === sha256 ? known.bytes : undefined;
  }

  #remove(prefix: string): KnownManifest | undefined {
    const known = this.#ofPlace.get(prefix);
    if (known === undefined) return undefined;
    this.#ofPlace.delete(prefix);
    this.#bytes -= known.bytes.byteLength;
    return known;
  }
}
