/** Nodes with flows for a relay, in a process of their own: `flows-relay.ts` starts it, and tells when they begin. */
import { setTimeout as sleep } from 'node:timers/promises';
import { HubbleServer, openNodeTeller } from '../../src/api/server.ts';
import { Lifecycle, silentLogger } from '../../src/base/index.ts';
import { AgentNotices, BootClock } from '../../src/observe/index.ts';
import { newHub, RECORDS, traffic } from './flow-hub.ts';

export type RelayLoad = {
  readonly nodes: number;
  /** Flows a second of each. */
  readonly rate: number;
  readonly seconds: number;
  /** Where the first of them says which there are. */
  readonly socketPath: string;
};

/** What this process says: it serves, and how many flows each node has had. */
export type RelayNews = 'ready' | { readonly pushed: number };

/** Between two looks of an agent at its ring. */
const LOOK_MS = 50;

const load = JSON.parse(process.argv[2] ?? '{}') as RelayLoad;
const names = Array.from({ length: load.nodes }, (_, index) => `node-${index + 1}`);
const hubs = names.map((name) => newHub(65_536, name));
const clock = new BootClock();
const { words, size } = traffic();
const lifecycle = new Lifecycle({ log: silentLogger });
const peers: { name: string; address: string }[] = [];

for (const [index, node] of names.entries()) {
  const hub = hubs[index];
  if (hub === undefined) continue;
  const notices = new AgentNotices();
  const source = { hub, notices, cluster: 'bench', node, version: '1', serverName: undefined };
  const server = new HubbleServer({
    teller: async () => await openNodeTeller({ ...source, peers: () => peers, onPeers: () => () => undefined }),
    socketPath: index === 0 ? load.socketPath : undefined,
    tcp: { host: '127.0.0.1', port: 0, isOpen: true },
    log: silentLogger,
  });
  await lifecycle.start(server);
  peers.push({ name: node, address: `127.0.0.1:${server.port}` });
}

/** Evenly, node after node, each flow at its time: what is late is made up for. */
async function run(): Promise<number> {
  const most = load.rate * load.seconds;
  const begun = performance.now();
  const bootAt = clock.toBoot(Date.now());
  let pushed = 0;
  while (pushed < most) {
    const due = Math.min(most, Math.floor(((performance.now() - begun) * load.rate) / 1_000));
    for (const hub of hubs) {
      hub.begin();
      for (let index = pushed; index < due; index += 1) {
        const at = (index % RECORDS) * size;
        const time = bootAt + (index * 1e9) / load.rate;
        words[at] = time % 2 ** 32;
        words[at + 1] = time / 2 ** 32;
        hub.push(words, at);
      }
    }
    pushed = due;
    await sleep(LOOK_MS);
  }
  return pushed;
}

process.once('message', () => void run().then((pushed) => process.send?.({ pushed } satisfies RelayNews)));
process.once('disconnect', () => process.exit(0));
process.send?.('ready' satisfies RelayNews);
