import type { ForecastRequest, TransitionForecast } from '../../store.js';
import type { CatalogDatabase } from './database.js';
import { NOT_HELD } from './held.js';
import { RECEIPTED } from './moves.js';
import { MONTH } from './transitions.js';

/** Where a row of warm, or one that a transition brings there, has to be to go to cold. */
export interface ForecastCutoffs {
  hotCutoff: number;
  warmCutoff: number;
  /** As of `coldPartitionsDue`. */
  minRows: number;
  overdueCutoff: number;
  now: number;
}

/** Reads all that is due; a person asks for it. */
export function forecastTransition(
  db: CatalogDatabase,
  { asOf, batchRows, limit, ...cutoffs }: Omit<ForecastRequest, 'all'> & ForecastCutoffs,
): TransitionForecast {
  const due = db.all<{ step: 'warm' | 'cold'; systemId: string; month: string; rows: number }>(
    `SELECT 'warm' AS step, p.system_id AS systemId, ${MONTH} AS month, count(*) AS rows FROM placements p
     WHERE p.tier = 'hot' AND p.own_time <= $hotCutoff AND ${NOT_HELD} GROUP BY 2, 3
     UNION ALL
     SELECT 'cold', p.system_id, ${MONTH}, count(*) FROM placements p
     WHERE p.tier IN ('hot', 'warm') AND p.own_time <= $warmCutoff AND ${RECEIPTED} AND ${NOT_HELD} GROUP BY 2, 3
     HAVING count(*) >= $minRows OR min(p.own_time) <= $overdueCutoff ORDER BY 1, 2, 3`,
    { ...cutoffs },
  );
  const parts = due.map((part) => ({
    ...part,
    objects: part.step === 'cold' ? Math.ceil(part.rows / batchRows) : 0,
  }));
  const sum = (step: 'warm' | 'cold', count: 'rows' | 'objects'): number =>
    parts.reduce((total, part) => (part.step === step ? total + part[count] : total), 0);
  return {
    asOf,
    rows: { toWarm: sum('warm', 'rows'), toCold: sum('cold', 'rows') },
    objects: sum('cold', 'objects'),
    parts: parts.slice(0, limit),
    partsLeftOut: Math.max(0, parts.length - limit),
  };
}
