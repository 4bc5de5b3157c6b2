import { createRequire } from 'node:module';
import { z } from 'zod';

const Package = z.object({ version: z.string() });

/** Of the package, which lies two folders above the compiled file as above the source. */
export const VERSION = Package.parse(createRequire(import.meta.url)('../../package.json')).version;
