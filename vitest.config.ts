import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/support/longest-first.js';

/** These start programs and servers of their own. They wait for them for a third of their time, so two cores run three such files. */
const PROGRAMS = [
  'test/{e2e,servers,setup,workers}/**/*.test.ts',
  'test/faults/!(kill).test.ts',
  'test/cli/{up,uploads}.test.ts',
  'test/deploy/runbooks.test.ts',
];

/** This starts a dozen programs at once, which is all that two cores can run. */
const ALONE = ['test/faults/kill.test.ts'];

/**
 * Faults at every fail point, in random sequences: three to six minutes of two cores for one of each kind. They run where it is said how many:
 * `AKOSHA_FAULTS_RUNS=1 npx vitest run test/faults/sequences`.
 */
const SEQUENCES = process.env['AKOSHA_FAULTS_RUNS'] === undefined ? ['test/faults/sequences/**'] : [];

/**
 * These keep nothing outside of what a test makes: the code under test keys what it remembers by folder or store. So the files share three
 * processes, of which each loads every module once and keeps one reader. A support module runs once for all files of a process: it sets its
 * hooks within a test (`onTestFinished`), for at its top level only the first file would have them.
 */
const SHARED = [
  'test/{activities,api,config,contract,maintenance,memory,schedules,search}/**/*.test.ts',
  // Not those of faults, whose requests are given milliseconds.
  'test/upload/**/!(faults).test.ts',
  // Not the hostile ones, which measure the process's memory.
  'test/ingest/*.test.ts',
  // Nor one that replaces a module for the whole process, nor those that load programs with changes.
  'test/store/!(cold-cache).test.ts',
];

const shared = {
  // Native modules (DuckDB, SQLite, ONNX, Temporal's core) are not safe to load in several threads of one process.
  pool: 'forks' as const,
  // Compiled code runs as it is shipped, not transformed again.
  server: { deps: { external: [/\/dist\//, /\/\.mutants\//] } },
  // Tests that say so run side by side: mostly they wait for timeouts of Temporal's.
  maxConcurrency: 6,
  env: {
    // As in the command line.
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
    // Where it is set, every start of Node reads all those certificates: 40 ms of a core, for hundreds of processes that talk to servers on
    // this machine alone. Empty is unset.
    NODE_EXTRA_CA_CERTS: '',
  },
  // A real server, a bundle and a few child processes fit in it ten times over, also on a busy machine.
  testTimeout: 60_000,
  hookTimeout: 60_000,
};

export default defineConfig({
  test: {
    // Of the whole run, not of each project: the servers start once.
    globalSetup: ['test/support/global-setup.ts'],
    // Three at a time until all but those of the last project have run: where one of them waits for its servers, two others do not.
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          ...shared,
          name: 'in shared processes',
          include: SHARED,
          isolate: false,
          maxWorkers: 3,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...shared,
          name: 'side by side',
          include: ['test/**/*.test.ts'],
          exclude: [...SHARED, ...PROGRAMS, ...ALONE, ...SEQUENCES],
          // The Temporal and S3 servers are shared; each file keeps to prefixes, queues and folders of its own.
          // They wait for servers and child processes for half of their time, so two cores have time for three.
          maxWorkers: 3,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...shared,
          name: 'programs',
          include: PROGRAMS,
          maxWorkers: 3,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...shared,
          name: 'alone',
          include: ALONE,
          maxWorkers: 1,
          // Each waits for its servers for part of its time. With them one takes up to 700 MB, so memory sets the limit: all of the file at once.
          maxConcurrency: 12,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
