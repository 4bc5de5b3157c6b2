import type { RetentionLedger } from '../store.js';
import type { EngineContext } from './context.js';

/** Which raw uploads may go, as the catalog knows it. */
export function retentionLedger({ catalog: { read, write } }: EngineContext): RetentionLedger {
  return {
    uploadsToRetire: (page) => read.uploadsToRetire(page),
    beginRetirement: (ref, before) => write.beginRetirement(ref, before),
    endRetirement: (ref, keeps) => write.endRetirement(ref, keeps),
    noteRawBack: (refs, announced) => write.noteRawBack(refs, announced),
  };
}
