import type { IncludeObject } from '../print/table.ts';
import { notAcceptable } from '../status.ts';

/** In which form objects are answered. */
export type Form =
  | { readonly as: 'json' }
  | { readonly as: 'table'; readonly version: string; readonly include: IncludeObject }
  | { readonly as: 'partial'; readonly version: string };

type MediaRange = { readonly type: string; readonly parameters: ReadonlyMap<string, string> };

const MAX_ACCEPT = 2_048;

export function parseAccept(header: string | undefined): MediaRange[] {
  return (header ?? '*/*')
    .slice(0, MAX_ACCEPT)
    .split(',')
    .map((range) => {
      const [type = '', ...parameters] = range.split(';').map((part) => part.trim());
      return {
        type: type.toLowerCase(),
        parameters: new Map(parameters.map((p) => p.split('=', 2) as [string, string])),
      };
    });
}

const JSON_TYPES = new Set(['application/json', 'application/*', '*/*', '']);
const META_VERSIONS = new Set(['v1', 'v1beta1']);

/** The first form of the client's list that this server speaks; 406 when there is none. */
export function negotiateForm(header: string | undefined, includeObject: string | null): Form {
  for (const { type, parameters } of parseAccept(header)) {
    if (!JSON_TYPES.has(type)) continue;
    const as = parameters.get('as');
    if (as === undefined) return { as: 'json' };
    const version = parameters.get('v') ?? '';
    if (parameters.get('g') !== 'meta.k8s.io' || !META_VERSIONS.has(version)) continue;
    if (as === 'Table') return { as: 'table', version, include: includeOf(includeObject) };
    if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList') return { as: 'partial', version };
  }
  throw notAcceptable('application/json, application/yaml');
}

function includeOf(value: string | null): IncludeObject {
  return value === 'Object' || value === 'None' ? value : 'Metadata';
}
