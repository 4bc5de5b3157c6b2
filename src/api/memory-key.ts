import { z } from 'zod';
import { KINDS } from '../contract/index.js';
import { MAX_MEMORY_ID_LENGTH } from '../memory/index.js';

export const Kind = z.enum(KINDS, { error: `must be one of ${KINDS.join(', ')}` });

const ID_RULE = `must be a text of 1 to ${MAX_MEMORY_ID_LENGTH} characters`;

export const MemoryId = z.string({ error: ID_RULE }).min(1, ID_RULE).max(MAX_MEMORY_ID_LENGTH, ID_RULE);
