import { notSupported, type PolicyEntry, type PolicyObject, STAGE_ANNOTATION } from '../../model/index.ts';
import type { Reading } from './kind.ts';
import { formatFieldError } from './reading/index.ts';

const STAGED = 'true';
const FIELD = `metadata.annotations[${STAGE_ANNOTATION}]`;

/** Of metadata as the server sends them. A value that is no text is no value that is known. */
export function stageIn(annotations: unknown): string | undefined {
  if (typeof annotations !== 'object' || annotations === null || !Object.hasOwn(annotations, STAGE_ANNOTATION))
    return undefined;
  const value: unknown = (annotations as Record<string, unknown>)[STAGE_ANNOTATION];
  return typeof value === 'string' ? value : `no text: ${JSON.stringify(value ?? null)}`;
}

/**
 * What holds of what a policy of any kind says. A staged one says nothing, so that whoever reads policies counts none that is
 * not enforced. One of which nobody knows whether it is meant holds back, as one with a field that is not known: what it
 * isolates is isolated, what it denies is denied, and it admits nobody.
 */
export function atStage(policy: PolicyObject, reading: Reading): Reading {
  const { entries, problems } = reading;
  if (policy.stage === undefined) return reading;
  if (policy.stage === STAGED) return { entries: [], problems, staged: entries };
  const error = formatFieldError(notSupported(FIELD, policy.stage, [STAGED]));
  return { entries: entries.map(closed), problems: [`${error}: no rule of the policy admits anybody`, ...problems] };
}

function closed(entry: PolicyEntry): PolicyEntry {
  return entry.verdict === 'deny' ? entry : { ...entry, peers: [], ports: 'any', closed: 'unreadable' };
}
