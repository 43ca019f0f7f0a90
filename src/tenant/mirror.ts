import { createHash } from 'node:crypto';
import { type NamespacedName, namespacedName } from '../base/index.ts';
import type { ServiceSpec, TenantRow } from '../model/index.ts';
import type { Membership } from './membership.ts';
import { importOf, type Served, systemServiceOf } from './sharing.ts';

/** A NetworkPolicy that says a part of what the floor does. Its name follows from what it says. */
export type FloorMirror = {
  readonly namespace: string;
  readonly name: string;
  /** Whose floor, and what of it a NetworkPolicy cannot say. */
  readonly text: string;
  readonly spec: MirrorSpec;
};

type Labels = Readonly<Record<string, string>>;
/** Without empty fields, as a server stores them. */
type Selector = { readonly matchLabels?: Labels };
type Peer = { readonly namespaceSelector: object; readonly podSelector?: Selector } | IpBlock;
type IpBlock = { readonly ipBlock: { readonly cidr: string } };
type Rule<Side extends string> = {
  readonly [K in Side]?: readonly Peer[];
} & { readonly ports?: readonly { readonly protocol: string; readonly port: number | string }[] };
export type MirrorSpec = {
  readonly podSelector: Selector;
  readonly policyTypes: readonly ('Ingress' | 'Egress')[];
  readonly ingress?: readonly Rule<'from'>[];
  readonly egress?: readonly Rule<'to'>[];
};

export type MirrorWorld = {
  readonly membership: Membership;
  /** All that there are. */
  readonly namespaces: readonly string[];
  readonly service: (key: NamespacedName) => ServiceSpec | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
};

const NAME_LABEL = 'kubernetes.io/metadata.name';
const WORLD: readonly IpBlock[] = ['0.0.0.0/0', '::/0'].map((cidr) => ({ ipBlock: { cidr } }));

/**
 * What the floor lets pass from and to pods of tenants, and of namespaces that are closed, in Kubernetes' own words: read together, as
 * NetworkPolicies are. Namespaces of nobody have none, so that an end of theirs says nothing.
 */
export function mirrorsOf(world: MirrorWorld): FloorMirror[] {
  const { membership, namespaces } = world;
  const owned = Map.groupBy(namespaces, (name) => {
    const owner = membership.of(name);
    return owner.state === 'tenant' ? owner.tenant.name : undefined;
  });
  const mirrors: FloorMirror[] = [];
  for (const namespace of namespaces) {
    const owner = membership.of(namespace);
    if (owner.state === 'closed') mirrors.push(mirror(namespace, owner.why, CLOSED));
    if (owner.state !== 'tenant') continue;
    const own = owned.get(owner.tenant.name) ?? [];
    mirrors.push(mirror(namespace, textOf(owner.tenant), boundaryOf(owner.tenant, own, world)));
  }
  for (const tenant of membership.tenants.values()) {
    const own = owned.get(tenant.name) ?? [];
    if (own.length > 0 && tenant.closed === undefined) mirrors.push(...importsOf(tenant, own, world));
  }
  // Two imports may say the same.
  return [...new Map(mirrors.map((one) => [namespacedName(one), one])).values()];
}

const CLOSED: MirrorSpec = { podSelector: {}, policyTypes: ['Ingress', 'Egress'] };

function boundaryOf({ boundary, systemServices }: TenantRow, own: readonly string[], world: MirrorWorld): MirrorSpec {
  const peers = [inNamespaces(own), ...(boundary.world === 'Open' ? WORLD : [])];
  const { dns } = world.membership.settings.systemServices;
  const served = systemServices.includes('dns') ? systemServiceOf(dns, world) : '';
  const isServed = typeof served !== 'string' && served.ports.length > 0;
  return {
    ...CLOSED,
    ingress: [{ from: peers }],
    egress: [{ to: peers }, ...(isServed ? [toServed(served)] : [])],
  };
}

/** Both halves: at whoever opens, and at whoever answers. */
function importsOf(tenant: TenantRow, own: readonly string[], world: MirrorWorld): FloorMirror[] {
  return tenant.imports.flatMap((one) => {
    const served = importOf(tenant, one, world);
    // Without ports a rule would mean all.
    if (typeof served === 'string' || served.ports.length === 0) return [];
    const { namespace, selector, ports } = served;
    const text = `what tenant ${one.tenant} exports as ${one.export} and tenant ${tenant.name} imports`;
    const egress: MirrorSpec = {
      podSelector: withLabels(one.labels),
      policyTypes: ['Egress'],
      egress: [toServed(served)],
    };
    const ingress: MirrorSpec = {
      podSelector: withLabels(selector),
      policyTypes: ['Ingress'],
      ingress: [{ from: [{ ...inNamespaces(own), podSelector: withLabels(one.labels) }], ports: ports.map(portOf) }],
    };
    return [...own.map((name) => mirror(name, text, egress)), mirror(namespace, text, ingress)];
  });
}

function toServed({ namespace, selector, ports }: Served): Rule<'to'> {
  return { to: [{ ...inNamespaces([namespace]), podSelector: withLabels(selector) }], ports: ports.map(portOf) };
}

const portOf = ({ protocol, target }: Served['ports'][number]) => ({ protocol, port: target });

const withLabels = (labels: Labels): Selector => (Object.keys(labels).length === 0 ? {} : { matchLabels: labels });

function inNamespaces(names: readonly string[]): { readonly namespaceSelector: object } {
  return { namespaceSelector: { matchExpressions: [{ key: NAME_LABEL, operator: 'In', values: names.toSorted() }] } };
}

function mirror(namespace: string, text: string, spec: MirrorSpec): FloorMirror {
  const digest = createHash('sha256')
    .update(JSON.stringify([text, spec]))
    .digest('hex')
    .slice(0, 10);
  return { namespace, name: `membrane-floor-${digest}`, text, spec };
}

/** Nodes and API servers have no words there. */
function textOf({ name, boundary, systemServices }: TenantRow): string {
  const unsaid = [
    `nodes: ${boundary.nodes}`,
    ...(systemServices.includes('apiserver') ? ['its pods reach the API servers'] : []),
  ];
  return `the boundary of tenant ${name}; not said here: ${unsaid.join(', ')}`;
}
