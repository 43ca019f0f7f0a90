import {
  MIRROR_LABEL,
  notSupported,
  type PolicyEntry,
  type PolicyObject,
  STAGE_ANNOTATION,
} from '../../model/index.ts';
import type { Reading } from './kind.ts';
import { formatFieldError } from './reading/index.ts';

const STAGED = 'true';
const FLOOR = 'floor';

/** Of labels or annotations as the server sends them. A value that is no text is no value that is known. */
export function textIn(texts: unknown, key: string): string | undefined {
  if (typeof texts !== 'object' || texts === null || !Object.hasOwn(texts, key)) return undefined;
  const value: unknown = (texts as Record<string, unknown>)[key];
  return typeof value === 'string' ? value : `no text: ${JSON.stringify(value ?? null)}`;
}

/**
 * What holds of what a policy of any kind says. A staged one and a mirror say nothing, so that whoever reads policies counts none
 * that is not enforced. One of which nobody knows whether it is meant holds back, as one with a field that is not known: what it
 * isolates is isolated, what it denies is denied, and it admits nobody.
 */
export function atStage({ stage, mirror }: PolicyObject, reading: Reading): Reading {
  const unclear = [
    ...(mirror === undefined || mirror === FLOOR
      ? []
      : [notSupported(`metadata.labels[${MIRROR_LABEL}]`, mirror, [FLOOR])]),
    ...(stage === undefined || stage === STAGED
      ? []
      : [notSupported(`metadata.annotations[${STAGE_ANNOTATION}]`, stage, [STAGED])]),
  ];
  const { entries, problems } = reading;
  if (unclear.length > 0) {
    const texts = unclear.map((error) => `${formatFieldError(error)}: no rule of the policy admits anybody`);
    return { entries: entries.map(closed), problems: [...texts, ...problems] };
  }
  if (mirror !== undefined) return { entries: [], problems: [], isMirror: true };
  return stage === undefined ? reading : { entries: [], problems, staged: entries };
}

function closed(entry: PolicyEntry): PolicyEntry {
  return entry.verdict === 'deny' ? entry : { ...entry, peers: [], ports: 'any', closed: 'unreadable' };
}
