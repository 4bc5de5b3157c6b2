import type { AttributeValue, Attributes } from '@opentelemetry/api';
import { systemOfWorkflow } from '../../contract/index.js';
import type { SpanFields } from '../../runtime/index.js';

/** Our fields by the names under which they are sent. Those of Temporal are the names that its own interceptors use. */
const NAMES: Readonly<Record<keyof SpanFields, string>> = {
  systemId: 'akosha.system_id',
  uploadId: 'akosha.upload_id',
  workflowId: 'temporalWorkflowId',
  runId: 'run_id',
  activity: 'temporalActivityType',
  outcome: 'akosha.outcome',
  errorType: 'error.type',
  method: 'akosha.method',
  files: 'akosha.files',
  bytes: 'akosha.bytes',
  rows: 'akosha.rows',
  part: 'akosha.part',
};

/** What Temporal's spans have besides: a workflow's description of itself is among it, and of that these and no more. */
const ALIASES: Readonly<Record<string, string>> = {
  workflowId: NAMES.workflowId,
  runId: NAMES.runId,
  workflowType: 'temporalWorkflowType',
  temporalActivityId: 'temporalActivityId',
};

const SENT = new Set(Object.values(NAMES));

export function attributesOf(fields: SpanFields): Attributes {
  const attributes: Attributes = {};
  for (const [field, name] of Object.entries(NAMES)) {
    const value = fields[field as keyof SpanFields];
    if (value !== undefined) attributes[name] = value;
  }
  return attributes;
}

/** What of a span's attributes leaves the process: a list of names, so that no library's next version adds to it. */
export function sentAttributes(attributes: Attributes): Attributes {
  const sent: Attributes = {};
  for (const [name, value] of Object.entries(attributes)) {
    const known = SENT.has(name) ? name : ALIASES[name];
    if (known !== undefined && isPlain(value)) sent[known] = value;
  }
  const workflowId = sent[NAMES.workflowId];
  const systemId = typeof workflowId === 'string' ? systemOfWorkflow(workflowId) : undefined;
  return systemId === undefined ? sent : { [NAMES.systemId]: systemId, ...sent };
}

function isPlain(value: AttributeValue | undefined): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}
