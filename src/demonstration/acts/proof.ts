import type { VerifyView } from '../../api/index.ts';
import { KernelEndpointWords, MapSet, policyMaps, serviceMaps } from '../../datapath/index.ts';
import { endpointId, identityId, ruleId } from '../../model/index.ts';
import { PROTOCOL_NUMBERS, parseAddr } from '../../net/index.ts';
import {
  type Actor,
  type AttackLine,
  BACKEND_PORT,
  joinSeen,
  plural,
  podName,
  type Stage,
  TENANTS,
  tenantScene,
} from '../stage/index.ts';
import { setTenant } from './tenants.ts';

/** No compiler gives such a number to so small a table. */
const GROUP = 7_777;

const isTenant = (name: string): boolean => TENANTS.some((one) => one === name);

type Difference = VerifyView['differences'][number];

/** All nodes, once each has proved that it is as it is meant. */
async function proved(stage: Stage): Promise<VerifyView[]> {
  const views: VerifyView[] = [];
  for (const node of stage.nodes.all) {
    views.push(
      await stage.until(`${node.name} is as it is meant`, async () => {
        const view = await stage.nodes.api(node).verify({});
        const isApart = view.pairs.filter(
          ({ from, to, standing }) => standing === 'isolated' && [from, to].every((name) => isTenant(name)),
        );
        return view.good && isApart.length === 2 ? view : undefined;
      }),
    );
  }
  return views;
}

/** A peer gets a group of its own in the table of the backend, and that one row; returns what takes them out again. */
async function plant(stage: Stage, { client, backend }: { readonly client: Actor; readonly backend: Actor }) {
  const [from, to] = await Promise.all(
    [client, backend].map(({ namespace, name }) => stage.whenReady(namespace, name)),
  );
  const { pinDir } = await stage.nodes.of(backend);
  const maps = new MapSet({ pinDir });
  const { rows, peers, revisions } = policyMaps(maps);
  using words = KernelEndpointWords.of(maps.get('endpoint_words'));
  const word = words.get(endpointId(to?.id ?? 0));
  const table = word && revisions.get(word.revision)?.[0];
  if (table === undefined) throw new Error('the backend has no table');
  const key = { prefixlen: 96, table, group: GROUP, protocol: PROTOCOL_NUMBERS.TCP, port: BACKEND_PORT };
  const peer = { table, peer: identityId(from?.identity ?? 0) };
  rows.set(key, { precedence: 1, rule: ruleId(0), proxyPort: 0, verdict: 'allow' });
  peers.set(peer, GROUP);
  return () => {
    peers.delete(peer);
    rows.delete(key);
    maps.close();
  };
}

/** Where no Service is, and a number that none has. */
const PLACE = { addr: parseAddr('10.96.77.77'), port: 7_777, protocol: PROTOCOL_NUMBERS.TCP, scope: 'inside' } as const;
const NUMBER = 0xffff_fff0;

/** A frontend that leads to the backend; returns what takes it out again. */
async function plantFrontend(stage: Stage, backend: Actor) {
  const { pinDir } = await stage.nodes.of(backend);
  const maps = new MapSet({ pinDir });
  const { services, slots, backends } = serviceMaps(maps);
  const slot = { revision: NUMBER, slot: 0 };
  backends.set(NUMBER, { addr: parseAddr(backend.ip), port: BACKEND_PORT, protocol: PLACE.protocol, flags: 0 });
  slots.set(slot, { backend: NUMBER });
  services.set(PLACE, { revision: NUMBER, count: 1, service: NUMBER, affinitySeconds: 0, flags: 0 });
  return () => {
    services.delete(PLACE);
    slots.delete(slot);
    backends.delete(NUMBER);
    maps.close();
  };
}

/** 27. Who is apart is proved, and a row that somebody writes into the kernel is found. */
export async function* proof(stage: Stage): AsyncGenerator<AttackLine> {
  const { backend } = await tenantScene(stage, 'tenant-a');
  await tenantScene(stage, 'tenant-b');
  for (const name of TENANTS) await setTenant(stage, name, { namespaces: { names: [name] } });
  const node = await stage.nodes.of(backend);
  const client = await stage.startPod({ namespace: 'tenant-a', name: 'client', labels: { role: 'client' }, node });
  const scene = { client, backend };
  const views = await proved(stage);
  const pairs = Math.max(...views.map((view) => view.pairs.length));
  const slowest = Math.max(...views.map(({ tookMs }) => tookMs));
  yield {
    id: '27.proved',
    claim: 'every pair of tenants is decided for all packets, and every kernel is as it is meant',
    tried: 'membrane verify asks the agent of each node',
    expected: 'no difference, no pair broken',
    seen: joinSeen([
      `${plural(pairs, 'pair')} on ${plural(views.length, 'node')}`,
      `${views.reduce((sum, view) => sum + view.differences.length, 0)} differences`,
      `${Math.ceil(slowest)} ms at most`,
    ]),
    held: views.every(({ good }) => good) && pairs > 0,
    decidedBy: 'the reachability core, from objects and from the maps',
  };

  const undo = await plant(stage, scene);
  const isIt = ({ layer, rows }: Difference): boolean =>
    layer === 'policy' && rows.some((row) => row.includes(`group ${GROUP}`));
  const api = stage.nodes.api(node);
  let found: Difference | undefined;
  try {
    found = await stage.until('the alarm', async () => (await api.verify({})).differences.find(isIt));
  } finally {
    undo();
  }
  const { packet } = found;
  const isPair =
    found.from?.startsWith(`${podName(client)} `) === true && found.to?.startsWith(`${podName(backend)} `) === true;
  const isPacket = packet?.from === client.ip && packet.to === backend.ip && packet.port === BACKEND_PORT;
  yield {
    id: '27.planted',
    claim: 'a row of policy that somebody writes into the kernel is an alarm, which names row, pair and packet',
    tried: 'with root on the node, two rows let a pod open a port of one that no policy lets it reach',
    expected: 'the row, the pair, and a packet that passes the programs as is claimed',
    seen: joinSeen([
      found.rows.join('; '),
      `${found.from} -> ${found.to}`,
      `${found.packets}: ${packet?.claimed}, sent: ${packet?.sent ?? 'not'}`,
    ]),
    held: isPair && isPacket && packet.claimed === 'passes' && packet.sent === 'passed',
    decidedBy: 'membrane verify',
  };

  const take = await plantFrontend(stage, backend);
  let turned: Difference | undefined;
  try {
    turned = await stage.until('the alarm', async () =>
      (await api.verify({})).differences.find(({ layer }) => layer === 'services'),
    );
  } finally {
    take();
  }
  const to = `${backend.ip}:${BACKEND_PORT}`;
  const wantsSent = turned.packet?.claimed === 'passes' ? 'passed' : 'dropped';
  yield {
    id: '27.frontend',
    claim: 'a frontend that somebody writes into the kernel is an alarm, which names row, backend and packet',
    tried: `with root on the node, rows lead ${PLACE.addr}:${PLACE.port}, where no Service is, to a pod`,
    expected: 'the row, the pod, and a packet that the programs turn to it as is claimed',
    seen: joinSeen([
      turned.rows.join('; '),
      `${turned.packets}: turned to ${turned.packet?.backend}, ${turned.packet?.claimed}, sent: ${turned.packet?.sent ?? 'not'}`,
    ]),
    held:
      turned.from === `no service at ${PLACE.addr}:${PLACE.port}` &&
      turned.packet?.backend === to &&
      turned.packet.sent === wantsSent,
    decidedBy: 'membrane verify',
  };
  await proved(stage);
}
