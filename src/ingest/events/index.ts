export { announcedUploads, type EventPlace } from './announced.js';
export { parseEvents, parseEventText } from './parse-events.js';
