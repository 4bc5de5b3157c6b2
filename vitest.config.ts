import { defineConfig } from 'vitest/config';

/** These start programs and servers of their own by the handful, or measure time against them: two cores run one such file at a time. */
const ALONE = [
  'test/{e2e,faults,servers,setup,workers}/**/*.test.ts',
  'test/cli/up.test.ts',
  'test/deploy/runbooks.test.ts',
];

const shared = {
  globalSetup: ['test/support/global-setup.ts'],
  // Native modules (DuckDB, SQLite, ONNX, Temporal's core) are not safe to load in several threads of one process.
  pool: 'forks' as const,
  // Compiled code runs as it is shipped, not transformed again.
  server: { deps: { external: [/\/dist\//, /\/\.mutants\//] } },
  // Tests that say so run side by side: mostly they wait for timeouts of Temporal's.
  maxConcurrency: 6,
  // As in the command line.
  env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
  // A real server, a bundle and a few child processes fit in it ten times over, also on a busy machine.
  testTimeout: 60_000,
  hookTimeout: 60_000,
};

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...shared,
          name: 'side by side',
          include: ['test/**/*.test.ts'],
          exclude: ALONE,
          // The Temporal and S3 servers are shared; each file keeps to prefixes, queues and folders of its own.
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...shared,
          name: 'alone',
          include: ALONE,
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
