import type { TestProject } from 'vitest/node';
import { startTestServers } from './servers.js';

/** Starts the servers once for the whole run, tells the tests where they are, and ends them afterwards. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const servers = await startTestServers();
  project.provide('s3', servers.s3);
  project.provide('temporal', servers.temporal);
  return servers.stop;
}
