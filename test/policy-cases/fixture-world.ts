import { labelMap, type NamedPort, type PolicyEntry, policyKey } from '../../src/model/index.ts';
import { type Addr, addrFamily, isAddr, PROTOCOL_NUMBERS, parseAddr } from '../../src/net/index.ts';
import { kindNamed } from '../../src/policy/index.ts';
import type { CaseObject, CasePod, CaseService, CaseStep, Expectation, PolicyCase } from './case-file.ts';
import { type Flow, type Place, podKey, type World, type WorldPod, type WorldService } from './world.ts';

/** The world at step 0. */
export function initialWorld(policyCase: PolicyCase): World {
  const { fixture, config } = policyCase;
  const empty: World = {
    settings: {
      enforcement: config.enforcement,
      cidrSelects: config.cidrSelects,
      allowLocalhost: config.allowLocalhost,
    },
    nodes: fixture.nodes.map(({ name, ip, ip6, apiserver }) => ({ name, addrs: addrs(ip, ip6), apiserver })),
    namespaces: new Map(),
    pods: [],
    services: fixture.services.flatMap(toService),
    policies: new Map(),
  };
  return applyPolicies(create(empty, fixture), policyCase.policies);
}

/** The world after a step. Deletions come first: a step may give an address to the next owner. */
export function nextWorld(world: World, step: CaseStep): World {
  const deleted = step.delete.reduce(remove, world);
  const created = step.create.reduce(create, deleted);
  return applyPolicies(step.relabel.reduce(relabel, created), step.apply);
}

function create(world: World, { namespaces, pods }: Pick<PolicyCase['fixture'], 'namespaces' | 'pods'>): World {
  const known = new Map(world.namespaces);
  for (const { name, labels } of namespaces) known.set(name, namespaceLabels(name, labels));
  for (const { namespace } of pods) if (!known.has(namespace)) known.set(namespace, namespaceLabels(namespace, {}));
  const added = pods.map(toPod);
  const names = new Set(added.map(podKey));
  return { ...world, namespaces: known, pods: [...world.pods.filter((pod) => !names.has(podKey(pod))), ...added] };
}

function remove(world: World, { kind, namespace = 'default', name }: CaseStep['delete'][number]): World {
  const existed = () => new Error(`the step deletes ${kind} ${namespace}/${name}, which is not there`);
  switch (kind) {
    case 'Namespace': {
      const namespaces = new Map(world.namespaces);
      namespaces.delete(name);
      const isGone = (entries: readonly PolicyEntry[]) => entries.some(({ origin }) => origin.namespace === name);
      const policies = [...world.policies].filter(([, entries]) => !isGone(entries));
      return {
        ...world,
        namespaces,
        policies: new Map(policies),
        pods: world.pods.filter((pod) => pod.namespace !== name),
      };
    }
    case 'Pod': {
      const pods = world.pods.filter((pod) => podKey(pod) !== `${namespace}/${name}`);
      if (pods.length === world.pods.length) throw existed();
      return { ...world, pods };
    }
    default: {
      const policies = new Map(world.policies);
      const { namespaced } = kindNamed(kind).names;
      if (!policies.delete(policyKey({ kind, namespace: namespaced ? namespace : '', name }))) throw existed();
      return { ...world, policies };
    }
  }
}

function relabel(world: World, { pod, namespace, labels }: CaseStep['relabel'][number]): World {
  if (namespace !== undefined) {
    const namespaces = new Map(world.namespaces).set(namespace, namespaceLabels(namespace, labels));
    return { ...world, namespaces };
  }
  return {
    ...world,
    pods: world.pods.map((own) => (podKey(own) === pod ? { ...own, labels: labelMap(labels) } : own)),
  };
}

function applyPolicies(world: World, objects: readonly CaseObject[]): World {
  const policies = new Map(world.policies);
  for (const object of objects) {
    const { schema, translate } = kindNamed(object.kind);
    const policy = schema.parse({ ...object, metadata: { namespace: 'default', ...object.metadata } });
    policies.set(policyKey(policy), translate(policy).entries);
  }
  return { ...world, policies };
}

/** Kubernetes puts the name on every namespace and nobody can take it off. */
function namespaceLabels(name: string, labels: Readonly<Record<string, string>>): ReadonlyMap<string, string> {
  return labelMap({ ...labels, 'kubernetes.io/metadata.name': name });
}

function toPod(pod: CasePod): WorldPod {
  return {
    namespace: pod.namespace,
    name: pod.name,
    addrs: pod.hostNetwork ? [] : addrs(pod.ip, pod.ip6),
    node: pod.node,
    labels: labelMap(pod.labels),
    namedPorts: pod.ports.flatMap(({ name, port, protocol }): NamedPort[] =>
      name === undefined ? [] : [{ name, port, protocol }],
    ),
    serviceAccount: pod.serviceAccount,
    hostNetwork: pod.hostNetwork,
  };
}

/** A headless service has no address of its own, and nothing to translate. */
function toService({ namespace, name, clusterIP, selector, endpoints = [], ports }: CaseService): WorldService[] {
  if (clusterIP === undefined || clusterIP === 'None') return [];
  return [
    {
      namespace,
      name,
      clusterIP: parseAddr(clusterIP),
      selector: selector === undefined ? undefined : labelMap(selector),
      endpoints: endpoints.map((text) => parseAddr(text)),
      ports: ports.map(({ port, targetPort = port, protocol }) => ({ port, targetPort, protocol })),
    },
  ];
}

function addrs(...texts: readonly (string | undefined)[]): Addr[] {
  return texts.flatMap((text) => (text === undefined ? [] : [parseAddr(text)]));
}

/** The flow an expectation is about, in the family of whichever end is given as an address. */
export function toFlow(world: World, expectation: Expectation): Flow {
  const { from, to, protocol, port = 0, icmp } = expectation;
  const service = isAddr(to) ? world.services.find(({ clusterIP }) => clusterIP === parseAddr(to)) : undefined;
  if (service !== undefined) return serviceFlow(world, service, expectation);
  if (expectation.backend !== undefined) throw new Error(`${to} is no address of a service`);
  const given = [from, to].find(isAddr);
  const family = given === undefined ? 4 : addrFamily(parseAddr(given));
  const name = protocol === 'ICMP' && family === 6 ? 'ICMPv6' : protocol;
  const number = PROTOCOL_NUMBERS[name as keyof typeof PROTOCOL_NUMBERS];
  if (number === undefined) throw new Error(`unknown protocol ${protocol}`);
  return {
    from: place(world, from, family),
    to: place(world, to, family),
    protocol: number,
    port: icmp === undefined ? port : (icmp.type << 8) | (icmp.code ?? 0),
  };
}

/** The flow to the backend that a client of the service gets: the one that is named, else the only one. */
function serviceFlow(world: World, service: WorldService, { from, port = 0, protocol, backend }: Expectation): Flow {
  const name = `service ${service.namespace}/${service.name}`;
  const served = service.ports.find((own) => own.port === port && own.protocol === protocol);
  if (served === undefined) throw new Error(`${name} has no port ${port}/${protocol}`);
  const candidates = service.selector === undefined ? service.endpoints : selected(world, service);
  const wanted = backend === undefined || isAddr(backend) ? backend : place(world, backend, 4).addr;
  const addr = wanted ?? candidates[0];
  if (
    addr === undefined ||
    !candidates.some((own) => own === addr) ||
    (wanted === undefined && candidates.length > 1)
  ) {
    throw new Error(`${name} has the backends ${candidates.join(', ') || 'none'}, expected ${backend ?? 'one'}`);
  }
  const to = place(world, addr, 4);
  const frontend = { kind: 'ClusterIP', addr: service.clusterIP, port } as const;
  const { targetPort } = served;
  const number = typeof targetPort === 'number' ? targetPort : namedPort(to, targetPort, served.protocol);
  return { from: place(world, from, 4), to, protocol: PROTOCOL_NUMBERS[served.protocol], port: number, frontend };
}

function selected(world: World, { namespace, selector = new Map<string, string>() }: WorldService): Addr[] {
  return world.pods
    .filter(
      (pod) => pod.namespace === namespace && [...selector].every(([key, value]) => pod.labels.get(key) === value),
    )
    .map((pod) => place(world, podKey(pod), 4).addr);
}

function namedPort(to: Place, name: string, protocol: NamedPort['protocol']): number {
  const ports = to.kind === 'pod' ? to.pod.namedPorts : [];
  const found = ports.find((own) => own.name === name && own.protocol === protocol);
  if (found === undefined) throw new Error(`the backend ${to.addr} has no port ${name}/${protocol}`);
  return found.port;
}

function place(world: World, text: string, family: 4 | 6): Place {
  if (isAddr(text)) {
    const addr = parseAddr(text);
    const pod = world.pods.find((own) => own.addrs.includes(addr));
    if (pod !== undefined) return { kind: 'pod', pod, addr };
    const node = world.nodes.find((own) => own.addrs.includes(addr));
    return node === undefined ? { kind: 'world', addr } : { kind: 'node', node, addr };
  }
  const pod = world.pods.find((own) => podKey(own) === text);
  if (pod === undefined) throw new Error(`there is no pod ${text}`);
  if (!pod.hostNetwork) return { kind: 'pod', pod, addr: ofFamily(pod.addrs, family, text) };
  const node = world.nodes.find((own) => own.name === pod.node);
  if (node === undefined) throw new Error(`there is no node ${pod.node}`);
  return { kind: 'node', node, addr: ofFamily(node.addrs, family, pod.node) };
}

function ofFamily(addresses: readonly Addr[], family: 4 | 6, owner: string): Addr {
  const found = addresses.find((addr) => addrFamily(addr) === family);
  if (found === undefined) throw new Error(`${owner} has no IPv${family} address`);
  return found;
}
