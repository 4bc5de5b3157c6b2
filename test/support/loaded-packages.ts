import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

const PROGRAM = path.resolve(import.meta.dirname, '../../dist/program');

/** The packages of which a program loaded something, by what `loaded-modules.mjs` wrote to the folder: as files of their own, or in the bundled program. */
export async function loadedPackages(folder: string): Promise<Set<string>> {
  const contents = JSON.parse(await readFile(path.join(PROGRAM, 'contents.json'), 'utf8')) as Record<
    string,
    string[]
  >;
  const files = await Promise.all(
    (await readdir(folder)).map((name) => readFile(path.join(folder, name), 'utf8')),
  );
  const packages = new Set<string>();
  for (const file of files.flatMap((text) => text.split('\n'))) {
    const own = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1];
    if (own !== undefined) packages.add(own);
    const bundled = file.includes('/dist/program/') ? contents[path.basename(file)] : undefined;
    for (const name of bundled ?? []) packages.add(name);
  }
  return packages;
}
