import { type Addr, addrBytes, parseAddr } from '../../net/index.ts';
import { type JsonObject, stringAt } from '../../sandbox/index.ts';
import { dnsAnswer, dnsQuery } from '../frames/index.ts';
import { type AttackLine, BACKEND, BACKEND_PORT, joinSeen, plural, type Stage, tenantScene } from '../stage/index.ts';
import { type Answerer, ask, BOTH, type Question, type Seat, startAnswer, type Told } from '../tools/index.ts';

/** Of the world: a resolver that pods and the node use. */
const RESOLVER = parseAddr('198.51.100.5');
const DNS_PORT = 53;
const RESOLVED = parseAddr('203.0.113.9');
const SERVICE_PORT = 80;
const THIEF_PORTS = [BACKEND_PORT, SERVICE_PORT, DNS_PORT] as const;
const CAPTURED = 'captured';
const CLAIM = "a tenant's Service captures no address that is not its own (CVE-2020-8554)";

/** What the thief is after. */
type Target = {
  readonly id: string;
  readonly what: string;
  readonly address: Addr;
  readonly port: number;
  readonly question: Pick<Question, 'protocol' | 'data'>;
  /** Who really answered; undefined: somebody else, or nobody. */
  readonly answeredBy: (told: Told) => string | undefined;
};

type Scene = {
  readonly stage: Stage;
  readonly targets: readonly Target[];
  /** Whose traffic it is. */
  readonly clients: readonly { readonly name: string; readonly seat: Seat }[];
  readonly thieves: readonly Answerer[];
};

async function build(stage: Stage): Promise<Scene> {
  const { frontend, backend } = await tenantScene(stage, 'tenant-a');
  const shop = stage.fresh('shop');
  await stage.apply(
    service('tenant-a', shop, { selector: { ...BACKEND }, ports: ports([SERVICE_PORT], BACKEND_PORT) }),
  );
  await stage.served('tenant-a', shop, 1);
  const object = await stage.sandbox.get({ resource: 'services', namespace: 'tenant-a', name: shop });
  const clusterIp = parseAddr(stringAt(object, 'spec', 'clusterIP') ?? '');
  const resolver = { at: RESOLVER, port: DNS_PORT, resolves: addrBytes(RESOLVED) };
  stage.own(await startAnswer(stage.worldNetns, resolver));
  const query = dnsQuery(0x4d62, 'shop.tenant-a.test');
  const fromBackend = ({ text }: Told) => (text.startsWith('hello from tenant-a') ? "A's backend" : undefined);
  return {
    stage,
    thieves: await startThief(stage),
    clients: [
      { name: "A's frontend", seat: await stage.inPod(frontend) },
      { name: 'its node', seat: await stage.onNode(backend.node) },
    ],
    targets: [
      {
        id: 'backend',
        what: "the address of A's backend",
        address: backend.ip,
        port: BACKEND_PORT,
        question: { protocol: 'TCP' },
        answeredBy: fromBackend,
      },
      {
        id: 'cluster-ip',
        what: "A's ClusterIP",
        address: clusterIp,
        port: SERVICE_PORT,
        question: { protocol: 'TCP' },
        answeredBy: fromBackend,
      },
      {
        id: 'resolver',
        what: 'a resolver in the world',
        address: RESOLVER,
        port: DNS_PORT,
        question: { protocol: 'UDP', data: query },
        answeredBy: ({ answer }) => (dnsAnswer(query, answer) === RESOLVED ? `the resolver (${RESOLVED})` : undefined),
      },
    ],
  };
}

/** A pod of tenant B that answers everybody on every port in question, and lets everybody in. */
async function startThief(stage: Stage): Promise<Answerer[]> {
  const name = stage.fresh('thief');
  await stage.apply({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { namespace: 'tenant-b', name },
    spec: { podSelector: { matchLabels: THIEF }, policyTypes: ['Ingress'], ingress: [{}] },
  });
  const pod = await stage.startPod({ namespace: 'tenant-b', name, labels: THIEF });
  const thief = await stage.inPod(pod);
  const thieves: Answerer[] = [];
  for (const port of THIEF_PORTS) {
    thieves.push(stage.own(await startAnswer(thief, { at: '0.0.0.0', port, text: CAPTURED })));
  }
  return thieves;
}

const THIEF = { role: 'thief' };

/** TCP and UDP. */
function ports(numbers: readonly number[], targetPort?: number) {
  return numbers.flatMap((port) =>
    BOTH.map((protocol) => ({
      name: `${protocol.toLowerCase()}-${port}`,
      protocol,
      port,
      targetPort: targetPort ?? port,
    })),
  );
}

function service(namespace: string, name: string, spec: JsonObject) {
  return { apiVersion: 'v1', kind: 'Service', metadata: { namespace, name }, spec };
}

/** 12. Addresses in Services that belong to others. */
export async function* capture(stage: Stage): AsyncGenerator<AttackLine> {
  const scene = await build(stage);
  for (const target of scene.targets) yield await externalLine(scene, target);
  yield await loadBalancerLine(scene);
}

async function externalLine(scene: Scene, target: Target): Promise<AttackLine> {
  const { stage } = scene;
  const name = stage.fresh('capture');
  await stage.apply(
    service('tenant-b', name, { selector: THIEF, externalIPs: [target.address], ports: ports([target.port]) }),
  );
  return await tryClaim(scene, {
    id: target.id,
    name,
    tried: `tenant B's Service has ${target.what} (${target.address}) as external IP, port ${target.port}`,
    targets: [target],
    reason: 'ExternalIPRefused',
  });
}

async function loadBalancerLine(scene: Scene): Promise<AttackLine> {
  const { stage, targets } = scene;
  const name = stage.fresh('capture');
  await stage.apply(
    service('tenant-b', name, { type: 'LoadBalancer', selector: THIEF, ports: ports(targets.map(({ port }) => port)) }),
  );
  const ingress = targets.map(({ address }) => ({ ip: address }));
  await stage.sandbox.patchStatus({ resource: 'services', namespace: 'tenant-b', name }, { loadBalancer: { ingress } });
  return await tryClaim(scene, {
    id: 'load-balancer',
    name,
    tried: "tenant B's Service of type LoadBalancer has all three addresses in its status",
    targets,
    reason: 'LoadBalancerRefused',
  });
}

type Claim = {
  readonly id: string;
  /** Of the Service. */
  readonly name: string;
  readonly tried: string;
  readonly targets: readonly Target[];
  readonly reason: string;
};

/** What `membrane service list` and the events of the object say about each address. */
async function refusals(stage: Stage, { name, targets, reason }: Claim): Promise<string[] | undefined> {
  const { items } = await stage.api.services();
  const view = items.find((one) => one.namespace === 'tenant-b' && one.name === name);
  const events = await stage.sandbox.list('events', 'tenant-b');
  const said = events
    .filter((event) => stringAt(event, 'involvedObject', 'name') === name && stringAt(event, 'reason') === reason)
    .map((event) => stringAt(event, 'message') ?? '');
  const listed = (view?.problems ?? []).filter((one) => one.reason === reason).map(({ message }) => message);
  const named = targets.map(({ address }) => listed.find((message) => message.includes(` ${address} `)));
  const complete = named.every((message) => message !== undefined && said.includes(message));
  return complete ? named.flatMap((message) => message ?? []) : undefined;
}

async function seenByThief({ thieves }: Scene): Promise<number> {
  const reports = await Promise.all(thieves.map((one) => one.report()));
  return reports.reduce((sum, { connections, datagrams }) => sum + connections + datagrams, 0);
}

/** The address belongs to whom it did; and the Service is there and serves by its own address. */
async function tryClaim(scene: Scene, claim: Claim): Promise<AttackLine> {
  const { stage, clients } = scene;
  const { id, name, tried, targets, reason } = claim;
  const view = await stage.served('tenant-b', name, 2);
  const said = await stage.until(`${name} is refused`, () => refusals(stage, claim), 3_000).catch(() => undefined);
  const before = await seenByThief(scene);
  const attempts = await Promise.all(
    clients.flatMap((client) =>
      targets.map(async (target) => {
        const told = await ask(client.seat, { to: target.address, port: target.port, ...target.question });
        return { client: client.name, by: target.answeredBy(told), told };
      }),
    ),
  );
  const captured = (await seenByThief(scene)) - before;
  const cluster = view.frontends.find(({ kind }) => kind === 'ClusterIP');
  const own = await ask(await stage.onNode(), {
    to: cluster?.address ?? '',
    port: cluster?.port ?? 0,
    protocol: 'TCP',
  });
  return {
    id: `12.${id}`,
    claim: CLAIM,
    tried: `${tried}; then A's frontend and the node talk to it`,
    expected: `who answered before answers; the thief sees nothing; its own ClusterIP works; ${reason} is said`,
    seen: joinSeen([
      ...attempts.map(({ client, by, told }) => `${client}: ${by ?? (told.text || told.state)}`),
      `${plural(captured, 'packet')} at the thief`,
      `its ClusterIP: ${own.text || own.state}`,
    ]),
    held:
      attempts.every(({ by }) => by !== undefined) &&
      captured === 0 &&
      own.text.startsWith(CAPTURED) &&
      said !== undefined &&
      view.frontends.every(({ kind }) => kind === 'ClusterIP' || kind === 'NodePort'),
    decidedBy: said === undefined ? `service list and events do not say ${reason}` : `${reason}: ${said.join(', ')}`,
  };
}
