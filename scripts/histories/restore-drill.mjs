import { failingOnce, STORE } from './doubles.mjs';

const start = (client) => client.runDrill();

export const restoreDrillPaths = () => ({
  'restore-drill': { start },
  'restore-drill-retried': { store: { restoreDrill: failingOnce(STORE.restoreDrill) }, start },
});
