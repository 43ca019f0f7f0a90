import { stringAt } from '../../sandbox/index.ts';
import { type AttackLine, plural, type Stage } from '../stage/index.ts';
import { ANSWERED_MS, type Answerer, ask, type Seat, startAnswer } from '../tools/index.ts';

const PORT = 8080;
const SHOP = { app: 'shop' };
const TEXT = 'shop';
const TAKEN = 'taken over';
/** Of the flood, largest first: whatever room is left is filled to the last of the map's 262,144 rows. */
const SIZES = Array.from({ length: 18 }, (_, i) => 2 ** (17 - i));
/** An object of 80 kB. */
const MOST_PORTS = 128;
const MOST_ENDPOINTS = 1_000;
const ROWS = SIZES.reduce((sum, size) => sum + size, 1);
const QUESTIONS = 5;

type Scene = {
  readonly victim: string;
  readonly attacker: string;
  /** Of the shop. */
  readonly address: string;
  readonly nodePort: number;
  readonly client: Seat;
};

/** A shop with one pod in a namespace of its own, and a namespace of somebody else. */
async function build(stage: Stage): Promise<Scene> {
  const [victim, attacker] = [stage.fresh('shop'), stage.fresh('greedy')];
  for (const name of [victim, attacker]) await stage.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  const ports = [{ port: 80, targetPort: PORT, protocol: 'TCP' }];
  await stage.apply(service(victim, 'shop', { type: 'NodePort', selector: SHOP, ports }));
  const [client] = await Promise.all([
    stage.startPod({ namespace: victim, name: 'client', labels: {} }),
    stage.startPod({ namespace: victim, name: 'old', labels: SHOP }),
  ]);
  const view = await stage.served(victim, 'shop', 2);
  const portOf = (kind: string) => view.frontends.find((frontend) => frontend.kind === kind);
  return {
    victim,
    attacker,
    address: portOf('ClusterIP')?.address ?? '',
    nodePort: portOf('NodePort')?.port ?? 0,
    client: await stage.inPod(client),
  };
}

function service(namespace: string, name: string, spec: Readonly<Record<string, unknown>>) {
  return { apiVersion: 'v1', kind: 'Service', metadata: { namespace, name }, spec: { ...spec } as never };
}

/** Services and slices that want all backends that there is room for; the names of the Services. */
async function flood(stage: Stage, namespace: string): Promise<string[]> {
  const names = SIZES.map((size) => `flood-${size}`);
  for (const [index, size] of SIZES.entries()) {
    const name = names[index] ?? '';
    const count = Math.min(size, MOST_PORTS);
    const ports = Array.from({ length: count }, (_, i) => ({ name: `p${i}`, port: 1 + i, protocol: 'TCP' }));
    const addresses = Array.from({ length: size / count }, (_, i) => `10.200.${i >> 8}.${i & 255}`);
    await stage.apply(service(namespace, name, { ports }));
    for (let at = 0; at < addresses.length; at += MOST_ENDPOINTS) {
      await stage.apply({
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { namespace, name: `${name}-${at}`, labels: { 'kubernetes.io/service-name': name } },
        addressType: 'IPv4',
        ports,
        endpoints: addresses.slice(at, at + MOST_ENDPOINTS).map((address) => ({ addresses: [address] })),
      });
    }
  }
  await stage.until('the flood has arrived', async () => {
    const { items } = await stage.api.services();
    const flooded = items.filter((item) => item.namespace === namespace);
    return flooded.length === SIZES.length && flooded.every(({ state }) => state !== 'pending') ? true : undefined;
  });
  return names;
}

/** The reason that `service list` and the events of the Service give; undefined: none. */
async function refusal(stage: Stage, namespace: string, name: string): Promise<string | undefined> {
  const { items } = await stage.api.services();
  const view = items.find((item) => item.namespace === namespace && item.name === name);
  const events = await stage.sandbox.list('events', namespace);
  const said = new Set(
    events
      .filter((event) => stringAt(event, 'involvedObject', 'name') === name)
      .map((event) => stringAt(event, 'message')),
  );
  const found = view?.problems.find(({ message }) => said.has(message));
  return found && `${found.reason}: ${found.message}`;
}

async function answerer(stage: Stage, namespace: string, name: string, text: string): Promise<Answerer> {
  const seat = await stage.inPod({ namespace, name });
  return stage.own(await startAnswer(seat, { at: '0.0.0.0', port: PORT, text }));
}

/** 18. A tenant fills the table of backends, and takes the address of a pod that leaves another's Service. */
export async function* takeover(stage: Stage): AsyncGenerator<AttackLine> {
  const { victim, attacker, address, nodePort, client } = await build(stage);
  const names = await flood(stage, attacker);
  const { ip } = await stage.actor(victim, 'old');
  await stage.deletePod(victim, 'old');
  await stage.startPod({ namespace: attacker, name: 'thief', labels: {}, ip });
  const thief = await answerer(stage, attacker, 'thief', TAKEN);
  await stage.startPod({ namespace: victim, name: 'new', labels: SHOP });
  await answerer(stage, victim, 'new', TEXT);
  // What the new pod is worth: an agent that cannot follow goes on with the old one for ever.
  const inside = (timeoutMs?: number) => served(client, { to: address, port: 80 }, timeoutMs);
  const outside = (timeoutMs?: number) => served(stage.worldNetns, { to: stage.node.ip, port: nodePort }, timeoutMs);
  await stage.inTheEnd(
    async () => [await inside(), await outside()],
    (names) => names.every((name) => name === TEXT),
  );
  const answers: string[] = [];
  for (let i = 0; i < QUESTIONS; i += 1) answers.push(await inside(ANSWERED_MS), await outside(ANSWERED_MS));
  const { connections } = await thief.report();
  const largest = names[0] ?? '';
  const said = await stage.until('the refusal is said', () => refusal(stage, attacker, largest)).catch(() => '');
  yield {
    id: '18.full-table',
    claim: 'a tenant that fills the table of backends takes over no Service of another',
    tried: `${SIZES.length} Services with slices ask for all ${plural(ROWS, 'backend')} that there is room for; the shop's pod is replaced, and its former address (${ip}) is the attacker's`,
    expected: 'ClusterIP and node port are answered by the new pod alone; the Service that got too much is told',
    seen: `${Array.from(
      Map.groupBy(answers, (text) => text.split(' ')[0] ?? ''),
      ([text, all]) => `${plural(all.length, 'answer')} "${text}"`,
    ).join(', ')}; ${plural(connections, 'connection')} at the attacker`,
    held: answers.every((text) => text.startsWith(TEXT)) && connections === 0 && said !== '',
    decidedBy: said === '' ? `service list and events do not say why ${largest} is refused` : said,
  };
}

async function served(
  client: string | Seat,
  at: { readonly to: string; readonly port: number },
  timeoutMs?: number,
): Promise<string> {
  const told = await ask(client, { ...at, protocol: 'TCP', ...(timeoutMs && { timeoutMs }) });
  return told.text.startsWith(TEXT) ? TEXT : told.text || told.state;
}
