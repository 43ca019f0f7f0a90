import type { Addr } from '../../net/index.ts';
import { type AttackLine, flowText, joinSeen, type Stage } from '../stage/index.ts';
import { ANSWERED_MS, ask, BOTH, type Protocol, type Seat, type Told } from '../tools/index.ts';
import {
  BACKEND_PORT,
  buildNodePort,
  NODE_PORT,
  type NodePortScene,
  SECOND_ADDRESS,
  UNWELCOME,
  WELCOME,
} from './node-port-scene.ts';

const CLAIM = 'a node port answers without route_localnet';

type Client = {
  readonly id: string;
  readonly who: string;
  readonly seat: string | Seat;
  readonly addresses: readonly string[];
  /** An address of its own to ask from. */
  readonly from?: string;
  /** Whom the backend must see; default: any address of the node. */
  readonly seenAs?: Addr;
  /** Whether a hook turns its sockets, so that they must say that they talk to the node port. */
  readonly turned: boolean;
};

/** 11. What route_localnet is set for elsewhere. */
export async function* nodePort(stage: Stage): AsyncGenerator<AttackLine> {
  const scene = await buildNodePort(stage);
  const { client, stranger } = scene;
  const host = await stage.onNode();
  const { ip } = stage.node;
  const local = [
    ['public', [ip]],
    ['local', [SECOND_ADDRESS]],
    ['loopback', ['127.0.0.1', '127.255.0.1']],
  ] as const;
  const clients: readonly Client[] = [
    ...local.map(([name, addresses]) => ({
      id: `11.host-${name}`,
      who: 'a process of the node',
      seat: host,
      addresses,
      turned: true,
    })),
    {
      id: '11.pod',
      who: 'a pod',
      seat: await stage.inPod(client),
      addresses: [ip, SECOND_ADDRESS],
      seenAs: client.ip,
      turned: true,
    },
    {
      id: '11.outside',
      who: `a host outside, ${WELCOME.address},`,
      seat: stage.worldNetns,
      addresses: [ip, SECOND_ADDRESS],
      from: WELCOME.address,
      seenAs: WELCOME.address as Addr,
      turned: false,
    },
  ];
  for (const one of clients) yield await answeredLine(stage, scene, one);
  yield await refusedLine(stage, scene, {
    id: '11.other-pod',
    who: `a pod that the backends' policy does not name`,
    seat: await stage.inPod(stranger),
    addresses: [ip],
    seenAs: stranger.ip,
    turned: true,
  });
  yield await refusedLine(stage, scene, {
    id: '11.other-outside',
    who: `a host outside that it does not name, ${UNWELCOME},`,
    seat: stage.worldNetns,
    addresses: [ip],
    from: UNWELCOME,
    seenAs: UNWELCOME as Addr,
    turned: false,
  });
  yield await localnetLine(stage);
}

type Attempt = { readonly to: string; readonly protocol: Protocol; readonly mapped: boolean; readonly told: Told };

/** A hook of its own turns IPv6 sockets that talk IPv4. */
async function tryAll({ seat, addresses, from, turned }: Client, timeoutMs?: number): Promise<Attempt[]> {
  const wanted = addresses.flatMap((to) =>
    BOTH.flatMap((protocol) => (turned ? [false, true] : [false]).map((mapped) => ({ to, protocol, mapped }))),
  );
  return await Promise.all(
    wanted.map(async (one) => {
      const question = { ...one, port: NODE_PORT, ...(from && { from }), ...(timeoutMs && { timeoutMs }) };
      return { ...one, told: await ask(seat, question) };
    }),
  );
}

function attemptText({ to, protocol, mapped, told }: Attempt): string {
  return `${to}/${protocol}${mapped ? ' (IPv6 socket)' : ''}: ${told.state === 'answered' ? told.text : told.state}`;
}

function isRight(
  { seenAs, turned }: Client,
  { backends }: NodePortScene,
  { to, told }: Attempt,
  node: readonly string[],
): boolean {
  const [name = '', peer = ''] = told.text.split(' ');
  const seen = peer.split(':')[0] ?? '';
  return (
    told.state === 'answered' &&
    backends.some((backend) => backend.name === name) &&
    (seenAs === undefined ? node.includes(seen) : seen === seenAs) &&
    (!turned || told.peer === `${to}:${NODE_PORT}`)
  );
}

/** What the datapath said about the connection of this attempt. */
async function flowOf(stage: Stage, { namespace }: NodePortScene, { protocol, told }: Attempt, since: number) {
  const port = Number(told.local.split(':')[1]);
  return await stage.witness.find(
    (seen) =>
      (seen.type === 'open' || seen.type === 'drop') &&
      seen.protocol === protocol &&
      seen.source.port === port &&
      seen.destination.namespace === namespace,
    { since },
  );
}

async function answeredLine(stage: Stage, scene: NodePortScene, client: Client): Promise<AttackLine> {
  const since = Date.now() - 1;
  const attempts = await tryAll(client, ANSWERED_MS);
  const node = [stage.node.ip, SECOND_ADDRESS];
  const [first] = attempts;
  const flow = first && (await flowOf(stage, scene, first, since));
  return {
    id: client.id,
    claim: CLAIM,
    tried: `${client.who} asks node port ${NODE_PORT} at ${client.addresses.join(' and ')}, TCP and UDP`,
    expected: `a backend answers, and sees ${client.seenAs ?? "the node's address"}`,
    seen: attempts.map(attemptText).join('; '),
    held: attempts.every((attempt) => isRight(client, scene, attempt, node)),
    decidedBy: flow === undefined ? 'no flow was reported' : flowText(flow),
  };
}

/** Policy judges who really asks and the backend that was really chosen. */
async function refusedLine(stage: Stage, scene: NodePortScene, client: Client): Promise<AttackLine> {
  const since = Date.now() - 1;
  const attempts = await tryAll(client);
  const flows = await Promise.all(attempts.map((attempt) => flowOf(stage, scene, attempt, since)));
  const [flow] = flows;
  const byName = flow?.source.pod ?? flow?.source.addr;
  return {
    id: client.id,
    claim: 'policy sees the client that really asks, and the backend',
    tried: `${client.who} asks the same node port, TCP and UDP`,
    expected: 'dropped, as a packet of its own to a backend',
    seen: joinSeen([
      attempts.map(attemptText).join('; '),
      flow ? `${byName} (identity ${flow.source.identity}) to ${flow.destination.pod}:${flow.destination.port}` : '',
    ]),
    held:
      attempts.every(({ told }) => told.state === 'silent') &&
      flows.every(
        (one) =>
          one?.dropReason === 'policy-ingress' &&
          one.source.addr === client.seenAs &&
          one.destination.port === BACKEND_PORT,
      ),
    decidedBy: flow === undefined ? 'no flow was reported' : flowText(flow),
  };
}

/** Read back from the node, device by device. */
async function localnetLine(stage: Stage): Promise<AttackLine> {
  const script = 'cd /proc/sys/net/ipv4/conf && for d in *; do echo "$d $(cat "$d/route_localnet")"; done';
  const { stdout } = await stage.sandbox.nodeExec(stage.node.name, ['sh', '-c', script]);
  const values = stdout
    .trim()
    .split('\n')
    .map((line) => line.split(' '));
  return {
    id: '11.localnet',
    claim: CLAIM,
    tried: 'route_localnet of every interface of the node, read back',
    expected: '0 everywhere',
    seen: values.map(([name, value]) => `${name} ${value}`).join(', '),
    held: values.length >= 4 && values.every(([, value]) => value === '0'),
    decidedBy: "the node's kernel: net.ipv4.conf",
  };
}
