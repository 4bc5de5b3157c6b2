import { defineSearchAttributeKey, SearchAttributeType, type SearchAttributePair } from '@temporalio/common';
import proto from '@temporalio/proto';
import { SEARCH_ATTRIBUTES } from '../contract/index.js';
import type { TemporalConnection } from './connection.js';

const SYSTEM_ID = defineSearchAttributeKey(SEARCH_ATTRIBUTES.systemId, SearchAttributeType.KEYWORD);
const PHASE = defineSearchAttributeKey(SEARCH_ATTRIBUTES.phase, SearchAttributeType.KEYWORD);
const UPLOAD_ID = defineSearchAttributeKey(SEARCH_ATTRIBUTES.uploadId, SearchAttributeType.KEYWORD);

/** By which a system's workflows are found in lists. */
export function ofSystem(systemId: string): SearchAttributePair[] {
  return [{ key: SYSTEM_ID, value: systemId }];
}

/** The same, of a run that is in this phase from its start on, and of the upload that it begins with. */
export function ofIngest(
  systemId: string,
  phase: string,
  uploadId: string | undefined,
): SearchAttributePair[] {
  const upload = uploadId === undefined ? [] : [{ key: UPLOAD_ID, value: uploadId }];
  return [...ofSystem(systemId), { key: PHASE, value: phase }, ...upload];
}

const { INDEXED_VALUE_TYPE_KEYWORD } = proto.temporal.api.enums.v1.IndexedValueType;

/**
 * Makes our search attributes known to Temporal, without which every start is refused. Needed for any server that `akosha up`
 * did not start; what exists is left as it is. Returns the names that were added.
 *
 * Raises `SettingsInvalid` where we may not: on Temporal Cloud an administrator has to create them.
 */
export async function ensureSearchAttributes({
  temporal: client,
  namespace,
  request,
}: TemporalConnection): Promise<string[]> {
  const { operatorService } = client.connection;
  return request(async () => {
    const { customAttributes } = await operatorService.listSearchAttributes({ namespace });
    const missing = Object.values(SEARCH_ATTRIBUTES).filter((name) => !Object.hasOwn(customAttributes, name));
    if (missing.length > 0) {
      // Naming one that somebody else added meanwhile is no error.
      await operatorService.addSearchAttributes({
        namespace,
        searchAttributes: Object.fromEntries(missing.map((name) => [name, INDEXED_VALUE_TYPE_KEYWORD])),
      });
    }
    return missing;
  });
}
