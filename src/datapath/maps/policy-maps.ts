import { POLICY_PREFIX_GROUP, POLICY_PREFIX_PROTOCOL } from '../../model/gen/numbers.ts';
import type { IdentityId, PolicyRow, PolicyTableId } from '../../model/index.ts';
import {
  type PolicyKey,
  type PolicyPair,
  type PolicyPeerKey,
  type PolicyValue,
  policyKeyCodec,
  policyPairCodec,
  policyPeerKeyCodec,
  policyValueCodec,
} from '../gen/codecs.ts';
import { MAP_SPECS } from '../gen/layout.ts';
import type { MapSpec } from '../kernel/index.ts';
import { KernelMap, type MapCodecs, type TypedMap } from './map.ts';
import type { MapSet } from './map-set.ts';
import { PackedRows } from './packed-rows.ts';
import { PolicyRevisions } from './policy-revisions.ts';
import { u32Codec } from './scalar-codecs.ts';

/** The maps that hold the policy of the node; see struct policy_pair, policy_peer_key and policy_key. */
export type PolicyMaps = {
  readonly revisions: PolicyRevisions;
  /** Table and peer -> group. */
  readonly peers: TypedMap<PolicyPeerKey, number>;
  readonly rows: TypedMap<PolicyKey, PolicyValue>;
};

export const policyCodecs: {
  readonly revisions: MapCodecs<number, PolicyPair>;
  readonly peers: MapCodecs<PolicyPeerKey, number>;
  readonly rows: MapCodecs<PolicyKey, PolicyValue>;
} = {
  revisions: { key: u32Codec, value: policyPairCodec },
  peers: { key: policyPeerKeyCodec, value: u32Codec },
  rows: { key: policyKeyCodec, value: policyValueCodec },
};

export function policyMaps(maps: MapSet): PolicyMaps {
  return {
    revisions: new PolicyRevisions(
      new KernelMap(maps.get('policy_revisions'), maps.spec('policy_revisions'), policyCodecs.revisions),
    ),
    peers: new KernelMap(maps.get('policy_peers'), maps.spec('policy_peers'), policyCodecs.peers),
    rows: new KernelMap(maps.get('policy'), maps.spec('policy'), policyCodecs.rows),
  };
}

/** Where policies are not enforced: nothing is kept. */
export function noPolicyMaps(): PolicyMaps {
  return {
    revisions: new PolicyRevisions(discarding(MAP_SPECS.policy_revisions, policyCodecs.revisions)),
    peers: discarding(MAP_SPECS.policy_peers, policyCodecs.peers),
    rows: discarding(MAP_SPECS.policy, policyCodecs.rows),
  };
}

function discarding<K, V>(spec: MapSpec, codecs: MapCodecs<K, V>): TypedMap<K, V> {
  return {
    spec,
    get: () => undefined,
    set: () => undefined,
    delete: () => false,
    setMany: async () => undefined,
    deleteMany: async () => 0,
    entries: async () => [],
    packed: async () => new PackedRows(codecs),
  };
}

type RowPlace = Pick<PolicyRow, 'protocol' | 'port' | 'portBits'>;

export function policyKey(table: PolicyTableId, group: number, { protocol, port, portBits }: RowPlace): PolicyKey {
  const prefixlen = protocol === 0 ? POLICY_PREFIX_GROUP : POLICY_PREFIX_PROTOCOL + portBits;
  return { prefixlen, table, group, protocol, port };
}

export function policyRow(key: PolicyKey, value: PolicyValue): PolicyRow {
  return {
    protocol: key.protocol,
    port: key.port,
    portBits: Math.max(0, key.prefixlen - POLICY_PREFIX_PROTOCOL),
    verdict: value.verdict,
    precedence: value.precedence,
    rule: value.rule,
  };
}

export function policyEntry(table: PolicyTableId, group: number, row: PolicyRow): [PolicyKey, PolicyValue] {
  const { precedence, rule, verdict } = row;
  return [policyKey(table, group, row), { precedence, rule, proxyPort: 0, verdict }];
}

export function peerKey(table: PolicyTableId, peer: IdentityId): PolicyPeerKey {
  return { table, peer };
}
