export const DEFAULT_LIMIT = 10;

/** Results hold whole texts. All pages of one search by relevance have no more either; who needs more pages by time. */
export const MAX_LIMIT = 1000;
