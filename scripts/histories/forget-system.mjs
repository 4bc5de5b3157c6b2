import { failingOnce, STORE, SYSTEM } from './doubles.mjs';

const scope = { scope: 'system', systemId: SYSTEM };
const start = (client) => client.forgetSystem(`system/${SYSTEM}`, scope);

export const forgetSystemPaths = () => ({
  'forget-system': { store: { eraseForgotten: finding(1) }, start },
  // Something landed between the first look and the second.
  'forget-system-late': { store: { eraseForgotten: finding(2) }, start },
  'forget-system-retried': { store: { eraseForgotten: failingOnce(STORE.eraseForgotten) }, start },
});

/** So many looks find something. */
function finding(looks) {
  let left = looks;
  return async () => ({ rows: left-- > 0 ? 1 : 0, objects: 0, uploads: 0 });
}
