import { isIP } from 'node:net';
import { type Json, type JsonObject, type KubeObject, listAt, objectAt, stringAt } from '../../apiserver/index.ts';

/** As the real controller: so many addresses of a subset are mirrored. */
const MAX_ENDPOINTS = 1_000;

export type MirroredSlice = {
  readonly addressType: 'IPv4' | 'IPv6';
  readonly ports: readonly Json[];
  readonly endpoints: readonly JsonObject[];
};

/** The slices that say what an Endpoints object says: one for each subset and family of addresses. */
export function mirroredSlices(endpoints: KubeObject): MirroredSlice[] {
  return listAt(endpoints, 'subsets').flatMap((subset) => {
    const ports = listAt(subset, 'ports').map((port) => ({ name: '', protocol: 'TCP', ...objectAt(port) }));
    const all = [
      ...listAt(subset, 'addresses').map((address) => mirrored(address, true)),
      ...listAt(subset, 'notReadyAddresses').map((address) => mirrored(address, false)),
    ].slice(0, MAX_ENDPOINTS);
    return (['IPv4', 'IPv6'] as const).flatMap((addressType) => {
      const family = addressType === 'IPv4' ? 4 : 6;
      const own = all.filter((endpoint) => isIP(stringAt(endpoint, 'addresses', 0) ?? '') === family);
      return own.length === 0 ? [] : [{ addressType, ports, endpoints: own }];
    });
  });
}

function mirrored(address: Json, ready: boolean): JsonObject {
  const { ip = '', hostname, nodeName, targetRef } = objectAt(address) ?? {};
  return {
    addresses: [ip],
    conditions: { ready },
    ...(hostname === undefined ? {} : { hostname }),
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(targetRef === undefined ? {} : { targetRef: structuredClone(targetRef) }),
  };
}
