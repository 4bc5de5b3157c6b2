export type { AlertSettings } from './alert.js';
export { OutageWatch, type OutageStatus, type OutageWatchOptions } from './outage-watch.js';
export type { RunMarks } from './run-marks.js';
