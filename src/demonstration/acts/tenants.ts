import type { TenantView } from '../../api/index.ts';
import { type Addr, parseAddr } from '../../net/index.ts';
import { type JsonObject, uplinkPort } from '../../sandbox/index.ts';
import { newMarker, ping, podFrame, syn, udp } from '../frames/index.ts';
import {
  type Actor,
  type AttackLine,
  DUPLEX_PORTS,
  Duplex,
  dropCounts,
  dropsSince,
  dropsText,
  joinSeen,
  plural,
  type Stage,
  sumDrops,
} from '../stage/index.ts';
import { startCount, startSend } from '../tools/index.ts';

const SHOP = 'floor-shop';
const BILLING = 'floor-billing';
const PORT = 8080;
const RATE = 1_000;
const LISTED = { cidr: '198.51.100.0/24', addr: parseAddr('198.51.100.3') } as const;
const UNLISTED = parseAddr('203.0.113.3');
/** Where most clouds give out a machine's credentials. */
const METADATA = parseAddr('169.254.169.254');
/** For how long nothing may arrive any more, in ms. */
const SILENCE_MS = 500;
/** So often it is looked whether that has begun, and then counted what arrives. */
const LOOKS = 20;

type Scene = { readonly server: Actor; readonly client: Actor; readonly stranger: Actor };

/** Two namespaces whose owners allow everything to everybody. */
async function build(stage: Stage): Promise<Scene> {
  for (const namespace of [SHOP, BILLING]) {
    await stage.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
    await stage.apply({
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: 'allow-all', namespace },
      spec: { podSelector: {}, policyTypes: ['Ingress', 'Egress'], ingress: [{}], egress: [{}] },
    });
  }
  const elsewhere = stage.nodes.otherThan(stage.node) ?? stage.node;
  const pod = (namespace: string, name: string, node = stage.node) =>
    stage.startPod({ namespace, name, labels: { role: name }, node });
  const [server, client, stranger] = await Promise.all([
    pod(SHOP, 'server', elsewhere),
    pod(SHOP, 'client'),
    pod(BILLING, 'stranger'),
  ]);
  return { server, client, stranger };
}

export async function setTenant(stage: Stage, name: string, spec: JsonObject): Promise<void> {
  await stage.apply({
    apiVersion: 'membrane.io/v1alpha1',
    kind: 'Tenant',
    metadata: { name },
    // What the two share is theirs alone, and not what each has of the cluster's DNS.
    spec: { systemServices: [], ...spec },
  });
}

/** Every agent says so of its own datapath. */
export async function agreed(
  stage: Stage,
  what: string,
  holds: (tenants: readonly TenantView[]) => boolean,
): Promise<void> {
  for (const node of stage.nodes.all) {
    await stage.until(`${node.name}: ${what}`, async () =>
      holds(await stage.nodes.api(node).tenants()) ? true : undefined,
    );
  }
}

const isOpen = (tenants: readonly TenantView[], tenant: string, namespace: string): boolean =>
  tenants.some(
    ({ name, namespaces }) =>
      name === tenant && namespaces.some((one) => one.name === namespace && one.closed === undefined),
  );

type Seat = { readonly ip: Addr; readonly netns: string; readonly devices?: readonly string[] };

/** Frames of a pod to another, or to the world, over and over, counted where they arrive. */
async function stream(stage: Stage, from: Actor, { ip, netns, devices = ['eth0'] }: Seat) {
  const marker = newMarker();
  const counter = stage.own(await startCount(netns, { devices, patterns: { marker } }));
  const frames = [syn(40_000, PORT, marker), udp(40_000, PORT, marker), ping(9, marker)].map((transport) =>
    podFrame(from, ip, transport),
  );
  const sender = stage.own(startSend(from.netns, frames, { count: 0, rate: RATE }));
  return {
    sent: async () => (await sender.report()).sent,
    arrived: async () => (await counter.report()).matches['marker'] ?? 0,
    stop: async () => void (await Promise.all([sender.stop(), counter.stop()])),
  };
}
type Flow = Awaited<ReturnType<typeof stream>>;

/** How many are sent, and how many of all arrive, while nothing should. */
async function silence(stage: Stage, flow: Flow): Promise<{ readonly sent: number; readonly arrived: number }> {
  // What was on its way when the change was said, or came before it was written, may still be counted.
  for (let look = 0; look < LOOKS; look += 1) {
    const [sent, arrived] = [await flow.sent(), await flow.arrived()];
    await stage.settle();
    if ((await flow.sent()) > sent && (await flow.arrived()) === arrived) break;
  }
  const before = { sent: await flow.sent(), arrived: await flow.arrived() };
  await stage.settle(SILENCE_MS);
  return { sent: (await flow.sent()) - before.sent, arrived: (await flow.arrived()) - before.arrived };
}

const flows = async (stage: Stage, what: string, flow: Flow): Promise<void> => {
  const before = await flow.arrived();
  await stage.until(what, async () => ((await flow.arrived()) > before ? true : undefined));
};

/** 23. What lies between tenants, and what their own policies, labels and claims do to it. */
export async function* tenants(stage: Stage): AsyncGenerator<AttackLine> {
  const scene = await build(stage);
  const { server, client, stranger } = scene;
  const foreign = await stream(stage, stranger, server);
  const own = await stream(stage, client, server);
  await flows(stage, 'the stranger arrives, while there is no Tenant', foreign);
  await setTenant(stage, SHOP, { namespaces: { names: [SHOP] } });
  await setTenant(stage, BILLING, { namespaces: { names: [BILLING] } });
  await agreed(stage, 'both have their namespace', (all) => isOpen(all, SHOP, SHOP) && isOpen(all, BILLING, BILLING));

  yield await quiet(stage, scene, foreign, {
    id: '23.allow-all',
    claim: 'policies that allow everything open nothing between two tenants',
    tried:
      'NetworkPolicies of both namespaces allow all; a pod of the one floods a pod of the other, which it reached before',
  });
  const relabelled = { metadata: { labels: { role: 'client', 'membrane.io/tenant': SHOP } } };
  await stage.sandbox.patch({ resource: 'pods', namespace: BILLING, name: 'stranger' }, relabelled);
  await stage.sandbox.patch({ resource: 'namespaces', name: BILLING }, { metadata: { labels: { tenant: SHOP } } });
  yield await quiet(stage, scene, foreign, {
    id: '23.labels',
    claim: 'nor do labels that a tenant gives its pods and its namespace',
    tried: 'the pod and its namespace get the labels of the other tenant',
  });
  const within = await own.arrived();
  await flows(stage, 'the client goes on', own);
  yield {
    id: '23.within',
    claim: 'within a tenant policies decide, as always',
    tried: 'a pod of the same namespace sends the same',
    expected: 'it arrives',
    seen: `${plural((await own.arrived()) - within, 'frame')} arrived`,
    held: (await own.arrived()) > within,
    decidedBy: 'NetworkPolicy allow-all',
  };
  await setTenant(stage, 'floor-thief', { namespaces: { names: [SHOP] } });
  await agreed(
    stage,
    'the namespace is closed',
    (all) => !isOpen(all, SHOP, SHOP) && !isOpen(all, 'floor-thief', SHOP),
  );
  yield await quiet(stage, scene, foreign, {
    id: '23.thief',
    claim: 'a namespace that a second Tenant claims is closed, for the thief as well',
    tried: 'a third Tenant claims the namespace of the first',
  });
  await stage.sandbox.delete({ resource: 'tenants', name: 'floor-thief' });
  await agreed(stage, 'the owner has it again', (all) => isOpen(all, SHOP, SHOP));
  await flows(stage, 'the client arrives again', own);
  yield* outside(stage, scene);
  yield* sharing(stage, scene);
}

/** What of the world a tenant may reach: what it lists, and never where clouds give out credentials. */
async function* outside(stage: Stage, { client }: Scene): AsyncGenerator<AttackLine> {
  const set = async (world: string, more: JsonObject): Promise<void> => {
    await setTenant(stage, SHOP, { namespaces: { names: [SHOP] }, boundary: { world }, ...more });
    await agreed(stage, `the world is ${world}`, (all) =>
      all.some(({ name, boundary: own }) => name === SHOP && own?.world === world),
    );
  };
  const at = (ip: Addr) => stream(stage, client, { ip, netns: stage.worldNetns, devices: [uplinkPort(stage.node)] });
  const [listed, unlisted, metadata] = await Promise.all([at(LISTED.addr), at(UNLISTED), at(METADATA)]);
  await set('Open', { world: { metadata: 'Open' } });
  for (const flow of [listed, unlisted, metadata]) await flows(stage, 'it leaves, while the world is open', flow);
  await set('Listed', { world: { cidrs: [LISTED.cidr] } });
  const before = await listed.arrived();
  const [other, credentials] = await Promise.all([silence(stage, unlisted), silence(stage, metadata)]);
  await flows(stage, 'what is listed is reached', listed);
  const on = (await listed.arrived()) - before;
  yield {
    id: '23.listed',
    claim: 'of the world a tenant that lists some of it reaches that and no more',
    tried: `policies allow all, the Tenant lists ${LISTED.cidr}; a pod sends there and to ${UNLISTED}, which it reached before`,
    expected: 'packets there, 0 to the other',
    seen: `${plural(on, 'packet')} arrived, ${other.arrived} of ${other.sent} at the other`,
    held: on > 0 && other.sent > 0 && other.arrived === 0,
    decidedBy: 'tenant-world',
  };
  yield {
    id: '23.metadata',
    claim: 'and nobody reaches where clouds give out credentials, unless the Tenant says so',
    tried: `the same to ${METADATA}`,
    expected: '0 packets',
    seen: `${plural(credentials.sent, 'frame')} sent, ${credentials.arrived} arrived`,
    held: credentials.sent > 0 && credentials.arrived === 0,
    decidedBy: 'tenant-metadata',
  };
  await Promise.all([listed, unlisted, metadata].map((flow) => flow.stop()));
  await set('Closed', {});
}

type Said = Pick<AttackLine, 'id' | 'claim' | 'tried'>;

async function quiet(stage: Stage, { server, stranger }: Scene, flow: Flow, said: Said): Promise<AttackLine> {
  const drops = async () => sumDrops(await dropCounts(stage, stranger), await dropCounts(stage, server));
  const before = await drops();
  const { sent, arrived } = await silence(stage, flow);
  return {
    ...said,
    expected: '0 packets',
    seen: `${plural(sent, 'frame')} sent, ${arrived} arrived`,
    held: sent > 0 && arrived === 0,
    decidedBy: dropsText(dropsSince(before, await drops())) || 'nothing dropped',
  };
}

/** Exported and imported, then withdrawn while packets flow both ways. */
async function* sharing(stage: Stage, { server, client: neighbour, stranger }: Scene): AsyncGenerator<AttackLine> {
  await stage.apply({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace: SHOP, name: 'server' },
    spec: {
      selector: { role: 'server' },
      ports: [
        { name: 'tcp', port: DUPLEX_PORTS.tcp, protocol: 'TCP' },
        { name: 'udp', port: DUPLEX_PORTS.udp, protocol: 'UDP' },
      ],
    },
  });
  const exports = [{ name: 'server', service: `${SHOP}/server`, to: [BILLING] }];
  const exporting = (on: boolean) =>
    setTenant(stage, SHOP, { namespaces: { names: [SHOP] }, exports: on ? exports : [] });
  const importing = { namespaces: { names: [BILLING] }, imports: [{ tenant: SHOP, export: 'server' }] };
  const rows = (all: readonly TenantView[]): number => all.find(({ name }) => name === BILLING)?.sharedRows ?? 0;
  await setTenant(stage, BILLING, importing);
  await exporting(true);
  await agreed(stage, 'the export is imported', (all) => rows(all) > 0);

  const other = await stream(stage, stranger, neighbour);
  const duplex = await Duplex.open(stage, stranger, server);
  const open = await duplex.arrived();
  const begin = performance.now();
  await exporting(false);
  await agreed(stage, 'nothing is shared', (all) => rows(all) === 0);
  const tookMs = performance.now() - begin;
  // What was on its way between two devices may still be counted: a busy processor takes it up late.
  await stage.settle();
  const [atChange, sentAtChange] = await Promise.all([duplex.arrived(), duplex.sent()]);
  await stage.settle(SILENCE_MS);
  const [after, sentAfter] = await Promise.all([duplex.arrived(), duplex.sent()]);
  await duplex.close();
  const sum = ({ udpForward, udpReply, tcpForward, tcpReply }: typeof after): number =>
    udpForward + udpReply + tcpForward + tcpReply;
  const late = sum(after) - sum(atChange);
  const others = await other.arrived();
  yield {
    id: '23.shared',
    claim: 'what one tenant exports and the other imports is open, and nothing beside it',
    tried:
      'a Service is exported and imported; TCP and UDP flow to its pod, and the same is sent to another pod of its namespace',
    expected: 'both ways with the one, 0 packets at the other',
    seen: `${sum(open)} arrived, ${others} at the other pod`,
    held: sum(open) > 0 && (await other.sent()) > 0 && others === 0,
    decidedBy: 'tenant-boundary, and the shares of both tenants',
  };
  yield {
    id: '23.withdrawn',
    claim: 'an export that is withdrawn ends what is established, at its next packet',
    tried: 'the export is taken back while TCP and UDP flow both ways',
    expected: 'from then on 0 packets at either end, replies included',
    seen: joinSeen([
      `in force after ${tookMs.toFixed(0)} ms`,
      `then ${plural(sentAfter - sentAtChange, 'frame')} sent, ${late} arrived`,
    ]),
    held: sentAfter > sentAtChange && late === 0,
    decidedBy: 'tenant-boundary',
  };
}
