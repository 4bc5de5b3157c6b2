import { createRequire } from 'node:module';
import { z } from 'zod';

const packageJson: unknown = createRequire(import.meta.url)('@duckdb/node-api/package.json');
const { version } = z.object({ version: z.string() }).parse(packageJson);

/** What reads a database here, as a snapshot and a receipt name it: a newer one may find what this could not. */
export const OWN_READER = `duckdb-node-api ${version}`;

/** The DuckDB in it. The package's own version has a revision behind it. From its manifest: the library takes 60 ms to load. */
export const OWN_DUCKDB_VERSION = version.replace(/-.*$/, '');
