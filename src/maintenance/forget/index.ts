export type { ForgetContext } from './context.js';
export { erasePass, finishForget } from './erase.js';
export { liftForget, loadTombstones, requestForget, resumeForgets, standingForgets } from './request.js';
