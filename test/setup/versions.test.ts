import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';

const Lock = z.object({
  packages: z.record(z.string(), z.object({ version: z.string().optional(), link: z.boolean().optional() })),
});

/** Versions of every copy of a package that the lock file installs, wherever it is nested. */
async function lockedVersions(name: RegExp): Promise<Map<string, string[]>> {
  const { packages } = Lock.parse(JSON.parse(await readFile('package-lock.json', 'utf8')));
  const found = new Map<string, string[]>();
  for (const [path, { version }] of Object.entries(packages)) {
    const at = path.lastIndexOf('node_modules/');
    const packageName = at === -1 ? '' : path.slice(at + 'node_modules/'.length);
    if (!name.test(packageName) || version === undefined) continue;
    found.set(packageName, [...(found.get(packageName) ?? []), version]);
  }
  return found;
}

describe('the lock file', () => {
  it('holds one copy of each Temporal package, all of one version: mixed ones fail at run time', async () => {
    const found = await lockedVersions(/^@temporalio\//);
    expect(found.size).toBeGreaterThan(5);
    for (const [name, versions] of found) expect(versions, name).toEqual(['1.24.0']);
  });

  it('hoists one protobufjs 8, without which Temporal cannot replay a history from JSON', async () => {
    const { packages } = Lock.parse(JSON.parse(await readFile('package-lock.json', 'utf8')));
    expect(packages['node_modules/protobufjs']?.version).toMatch(/^8\./);
    const copies = (await lockedVersions(/^protobufjs$/)).get('protobufjs') ?? [];
    expect(copies.filter((version) => version.startsWith('8.'))).toHaveLength(1);
  });

  it('names an exact version of every package, also of those for other platforms', async () => {
    const { packages } = Lock.parse(JSON.parse(await readFile('package-lock.json', 'utf8')));
    const nameless = Object.entries(packages).filter(
      ([path, { version, link }]) => path && !version && !link,
    );
    expect(nameless).toEqual([]);
  });
});
