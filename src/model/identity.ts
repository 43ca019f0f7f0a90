import type { Prefix } from '../net/index.ts';
import type { ReservedName } from './gen/enums.ts';
import type { IdentityId } from './ids.ts';
import { formatLabel, type Label } from './labels.ts';
import { type NamedPort, type Workload, workloadLabels } from './workload.ts';

export type PodIdentity = { readonly kind: 'pod'; readonly id: IdentityId; readonly workload: Workload };
export type ReservedIdentity = { readonly kind: 'reserved'; readonly id: IdentityId; readonly name: ReservedName };
/**
 * The addresses of one prefix that no longer registered prefix covers. Valid on one node only. `isApiServer`: of an address
 * outside at which an API server answers.
 */
export type CidrIdentity = {
  readonly kind: 'cidr';
  readonly id: IdentityId;
  readonly prefix: Prefix;
  readonly isApiServer: boolean;
};

export type Identity = PodIdentity | ReservedIdentity | CidrIdentity;

/** Labels for display and for selection by label, sorted. */
export function identityLabels(identity: Identity): readonly string[] {
  const known = texts.get(identity);
  if (known !== undefined) return known;
  const labels = labelsOf(identity).map(formatLabel).sort();
  texts.set(identity, labels);
  return labels;
}

/** Every flow names two identities: to write their labels anew would cost more than all else of it. */
const texts = new WeakMap<Identity, readonly string[]>();

function labelsOf(identity: Identity): Label[] {
  switch (identity.kind) {
    case 'pod':
      return workloadLabels(identity.workload);
    case 'reserved':
      return identity.name === 'kube-apiserver'
        ? [reserved(identity.name), reserved('remote-node')]
        : [reserved(identity.name)];
    case 'cidr':
      return [
        { source: 'cidr', key: identity.prefix.toString(), value: '' },
        ...(identity.isApiServer ? [reserved('kube-apiserver')] : []),
        reserved('world'),
      ];
  }
}

const reserved = (key: ReservedName): Label => ({ source: 'reserved', key, value: '' });

const NO_PORTS: readonly NamedPort[] = [];

/** Only pods name their ports. */
export function identityNamedPorts(identity: Identity | undefined): readonly NamedPort[] {
  return identity?.kind === 'pod' ? identity.workload.namedPorts : NO_PORTS;
}
