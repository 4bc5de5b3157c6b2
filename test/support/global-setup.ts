import { existsSync } from 'node:fs';
import type { TestProject } from 'vitest/node';
import { startTestServers } from './servers.js';

const COMMAND = 'dist/cli/akosha.cjs';

/** Starts the servers once for the whole run, tells the tests where they are, and ends them afterwards. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  if (!existsSync(COMMAND)) throw new Error(`${COMMAND} does not exist: run "npm run build"`);
  const servers = await startTestServers();
  project.provide('s3', servers.s3);
  project.provide('temporal', servers.temporal);
  return servers.stop;
}
