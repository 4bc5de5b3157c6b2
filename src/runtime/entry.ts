/**
 * The entry file of a child process or worker thread that lies beside its caller: `entryPoint(import.meta.url,
 * './reader-child.js')`.
 *
 * Under the test runner the caller is TypeScript in `src/`, which a bare Node process cannot load, and a test of a
 * process that dies or leaks means little unless it runs what is shipped. So children always run compiled code:
 * a caller in `src/` is answered with the same file in `dist/`. The last `/src/` counts, because the checkout may
 * itself lie under a folder of that name.
 */
export function entryPoint(importMetaUrl: string, relative: string): URL {
  const beside = new URL(relative, importMetaUrl);
  if (!importMetaUrl.endsWith('.ts')) return beside;
  const at = beside.href.lastIndexOf('/src/');
  return new URL(
    `${beside.href.slice(0, at)}/dist/${beside.href.slice(at + '/src/'.length).replace(/\.ts$/, '.js')}`,
  );
}
