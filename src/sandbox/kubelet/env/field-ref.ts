import type { Pod } from '../../client/index.ts';

/** What of a pod is known only once it is placed and connected. */
export type PodPlace = { readonly hostIP: string; readonly podIPs: readonly string[] };

/** `metadata.labels['app']` */
const SUBSCRIPT = /^metadata\.(labels|annotations)\['(.*)'\]$/;

/** All labels or annotations, as a file of the downward API has them: a line each, in the order of their names. */
function lines(map: Readonly<Record<string, string>>): string {
  return Object.keys(map)
    .toSorted()
    .map((key) => `${key}=${JSON.stringify(map[key] ?? '')}`)
    .join('\n');
}

/** The text of a pod's field as the downward API gives it; `undefined` when there is no such path. */
export function fieldValue({ metadata, spec }: Pod, path: string, place: PodPlace): string | undefined {
  const [, map, key = ''] = SUBSCRIPT.exec(path) ?? [];
  if (map === 'labels' || map === 'annotations') return metadata[map][key] ?? '';
  switch (path) {
    case 'metadata.name':
      return metadata.name;
    case 'metadata.namespace':
      return metadata.namespace;
    case 'metadata.uid':
      return metadata.uid;
    case 'metadata.labels':
      return lines(metadata.labels);
    case 'metadata.annotations':
      return lines(metadata.annotations);
    case 'spec.nodeName':
      return spec.nodeName ?? '';
    case 'spec.serviceAccountName':
      return spec.serviceAccountName;
    case 'status.hostIP':
    case 'status.hostIPs':
      return place.hostIP;
    case 'status.podIP':
      return place.podIPs[0] ?? '';
    case 'status.podIPs':
      return place.podIPs.join(',');
    default:
      return undefined;
  }
}
