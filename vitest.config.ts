import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    // Native modules (DuckDB, SQLite, ONNX, Temporal's core) are not safe to load in several threads of one process.
    pool: 'forks',
    // Compiled code runs as it is shipped, not transformed again.
    server: { deps: { external: [/\/dist\//, /\/\.mutants\//] } },
    // The Temporal and S3 servers are shared, and two cores run one file with its servers and children as it is.
    fileParallelism: false,
    // Tests that say so run side by side: mostly they wait for timeouts of Temporal's.
    maxConcurrency: 6,
    // As in the command line.
    env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
    // A real server, a bundle and a few child processes fit in it ten times over, also on a busy machine.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
