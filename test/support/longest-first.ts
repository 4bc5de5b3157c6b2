import path from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * Files that take longer than most, the longest first: seconds where two cores have nothing else to do. Vitest knows no times in a fresh
 * clone and begins with the greatest files: a short one that takes minutes came last, and all but one core waited for it.
 */
const LONGEST = [
  'test/store/protocol/guards.test.ts',
  'test/faults/sequences/disk-full.property.test.ts',
  'test/faults/sequences/object-store.property.test.ts',
  'test/deploy/runbooks.test.ts',
  'test/e2e/chain.test.ts',
  'test/setup/setup.test.ts',
  'test/cli/restore.test.ts',
  'test/servers/ensure.test.ts',
  'test/reader/external.test.ts',
  'test/objects/s3-faults-proxied.test.ts',
  'test/reader/snapshot.test.ts',
  'test/workflows/ingest-system.test.ts',
  'test/objects/s3-resume.test.ts',
  'test/workflows/continue-as-new.test.ts',
  // In shared processes.
  'test/maintenance/expire.test.ts',
  'test/search/fill-vectors.test.ts',
  'test/maintenance/scrub.test.ts',
  'test/search/embedding/embedder.test.ts',
  'test/search/relevance.test.ts',
];

/** Orders the files of a run so that the last ones are short ones. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = LONGEST.indexOf(path.relative(this.ctx.config.root, moduleId));
      return at === -1 ? LONGEST.length : at;
    };
    const sorted = await super.sort(files);
    return sorted.toSorted(
      (a, b) => groupOrder(a) - groupOrder(b) || isShared(a) - isShared(b) || rank(a) - rank(b),
    );
  }
}

function groupOrder({ project }: TestSpecification): number {
  return project.config.sequence.groupOrder;
}

/** A process is shared by files that follow one another. */
function isShared({ project }: TestSpecification): number {
  return project.config.isolate ? 0 : 1;
}
