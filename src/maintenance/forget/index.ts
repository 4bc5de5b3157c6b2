export type { ForgetContext } from './context.js';
export { erasePass, finishForget } from './erase.js';
export { liftForget, loadTombstones, requestForget, resumeForgets } from './request.js';
