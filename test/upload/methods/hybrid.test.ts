import { describe, expect, it, vi } from 'vitest';
import { AkoshaError } from '../../../src/contract/index.js';
import {
  chooseMethods,
  deliverByMethods,
  type MethodRules,
  type SyncMethod,
} from '../../../src/upload/methods/index.js';
import type { QueuedUpload } from '../../../src/upload/outbox/files.js';
import { parseManifest } from '../../../src/memory/index.js';
import { emptyManifest } from '../support.js';

const REF = { systemId: 'host-1', uploadId: 'u1' };
const BYTES = Buffer.from(emptyManifest(REF));
const UPLOAD: QueuedUpload = { manifest: parseManifest(REF, BYTES), bytes: BYTES, folder: '/nowhere' };
const DONE = { filesUploaded: [], bytesTransferred: 7 };

const RULES: MethodRules = { forceMethod: 'auto', enableFallback: true, maxRetries: 3, retryBackoffMs: 1 };

/** A method that fails as told, which no real one does on demand. */
function method(name: string, changes: Partial<SyncMethod> = {}) {
  return {
    name,
    availability: vi.fn<SyncMethod['availability']>(() => Promise.resolve({ available: true })),
    deliver: vi.fn<SyncMethod['deliver']>(() => Promise.resolve(DONE)),
    ...changes,
  };
}

function failing(error: Error) {
  return vi.fn<SyncMethod['deliver']>(() => Promise.reject(error));
}

const away = new AkoshaError('ObjectStoreUnavailable', 'no bucket today');
const refused = new AkoshaError('CloudUploadError', 'no key', {
  cause: new AkoshaError('ObjectStoreRefused', 'no key'),
});

function deliver(methods: SyncMethod[], rules: Partial<MethodRules> = {}, signal?: AbortSignal) {
  return deliverByMethods(methods, UPLOAD, { ...RULES, ...rules }, signal === undefined ? {} : { signal });
}

describe('deliverByMethods', () => {
  it('takes the first method that is available', async () => {
    const cloud = method('cloud');
    const http = method('http');
    expect(await deliver([cloud, http])).toEqual({ ...DONE, method: 'cloud' });
    expect(http.availability).not.toHaveBeenCalled();
  });

  it('passes over one that is not, without trying it', async () => {
    const cloud = method('cloud', {
      availability: () => Promise.resolve({ available: false, reason: 'away' }),
    });
    expect(await deliver([cloud, method('http')])).toMatchObject({ method: 'http' });
    expect(cloud.deliver).not.toHaveBeenCalled();
  });

  it('waits a second for an answer and no longer, also where the method takes no notice', async () => {
    const mute = method('cloud', { availability: () => new Promise(() => undefined) });
    const began = performance.now();
    expect(await deliver([mute, method('http')])).toMatchObject({ method: 'http' });
    expect(performance.now() - began).toBeGreaterThan(900);
    expect(performance.now() - began).toBeLessThan(3_000);
  });

  it('tries again as often as the setting says, then goes on to the next', async () => {
    const cloud = method('cloud', { deliver: failing(away) });
    expect(await deliver([cloud, method('http')])).toMatchObject({ method: 'http' });
    expect(cloud.deliver).toHaveBeenCalledTimes(4);
    const once = method('cloud', { deliver: failing(away) });
    await deliver([once, method('http')], { maxRetries: 0 });
    expect(once.deliver).toHaveBeenCalledTimes(1);
  });

  it('doubles its pauses, give or take a quarter', async () => {
    const at: number[] = [];
    const cloud = method('cloud', {
      deliver: () => {
        at.push(performance.now());
        return Promise.reject(away);
      },
    });
    await expect(deliver([cloud], { retryBackoffMs: 40 })).rejects.toThrow();
    const pauses = at.slice(1).map((time, index) => time - (at[index] ?? 0));
    for (const [index, pause] of pauses.entries()) {
      expect(pause).toBeGreaterThan(40 * 2 ** index * 0.74);
      // Above by the machine's load.
      expect(pause).toBeLessThan(40 * 2 ** index * 1.25 + 200);
    }
  });

  it('does not try again what is permanent, by whatever caused it', async () => {
    const cloud = method('cloud', { deliver: failing(refused) });
    expect(await deliver([cloud, method('http')])).toMatchObject({ method: 'http' });
    expect(cloud.deliver).toHaveBeenCalledTimes(1);
  });

  it('names every method’s reason where none delivers', async () => {
    const cloud = method('cloud', { deliver: failing(refused) });
    const http = method('http', {
      availability: () => Promise.resolve({ available: false, reason: 'no route' }),
    });
    await expect(deliver([cloud, http])).rejects.toMatchObject({
      type: 'HybridSyncError',
      permanent: false,
      message: expect.stringContaining('cloud: no key; http: not available: no route'),
      details: {
        methods: [
          { method: 'cloud', error: 'no key' },
          { method: 'http', error: 'not available: no route' },
        ],
      },
    });
  });

  it('uses the forced method alone, unasked, and raises its own error', async () => {
    const cloud = method('cloud');
    const http = method('http', { deliver: failing(away) });
    await expect(deliver([cloud, http], { forceMethod: 'http' })).rejects.toBe(away);
    expect(http.availability).not.toHaveBeenCalled();
    expect(cloud.deliver).not.toHaveBeenCalled();
  });

  it('stays with the first method without fallback', async () => {
    const cloud = method('cloud', { deliver: failing(away) });
    const http = method('http');
    await expect(deliver([cloud, http], { enableFallback: false })).rejects.toMatchObject({
      type: 'HybridSyncError',
    });
    expect(http.deliver).not.toHaveBeenCalled();
  });

  it.each(['UploadReplaced', 'Cancelled'] as const)(
    'raises %s as it is: no other method could help',
    async (type) => {
      const fault = new AkoshaError(type, 'x');
      const http = method('http');
      await expect(deliver([method('cloud', { deliver: failing(fault) }), http])).rejects.toBe(fault);
      expect(http.deliver).not.toHaveBeenCalled();
    },
  );

  it('ends at once when it is cancelled between two tries', async () => {
    const stop = new AbortController();
    const cloud = method('cloud', {
      deliver: () => {
        setTimeout(() => stop.abort(), 20);
        return Promise.reject(away);
      },
    });
    const began = performance.now();
    await expect(deliver([cloud], { retryBackoffMs: 60_000 }, stop.signal)).rejects.toMatchObject({
      type: 'Cancelled',
    });
    expect(performance.now() - began).toBeLessThan(5_000);
  });
});

describe('chooseMethods', () => {
  it('says what to set where nothing is left', () => {
    expect(() => chooseMethods([{ name: 'cloud' }], { forceMethod: 'http', enableFallback: true })).toThrow(
      /AKOSHA_FORCE_METHOD.*server_url/,
    );
    expect(() => chooseMethods([], { forceMethod: 'auto', enableFallback: true })).toThrow(/object_store/);
  });
});
