import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AdminServer } from '../api/server.ts';
import { type FakeAdmin, fakeAdmin } from '../api/testkit.ts';
import { type Clock, Lifecycle, silentLogger } from '../base/index.ts';
import type { FlowDenial } from '../model/index.ts';
import type { DatapathEvent } from '../observe/index.ts';
import { type EventChange, TestHub } from '../observe/testkit.ts';
import { AgentLinks } from './agent-links.ts';
import { OpenDoor } from './open-door.ts';
import type { PageFile } from './page-files.ts';
import { PageServer, type PageServerOptions } from './page-server.ts';

/** A pod, as flows and agents know it. */
export type Person = {
  readonly namespace: string;
  readonly pod: string;
  readonly node: number;
  readonly addr: string;
  readonly identity: number;
  readonly labels: readonly string[];
  readonly enforced: { readonly ingress: boolean; readonly egress: boolean };
};

/** Undefined: this machine has none. */
export const CHROMIUM: string | undefined = ['/usr/lib/chromium/chromium', '/usr/bin/chromium'].find((path) =>
  existsSync(path),
);

export type Staged = Omit<Person, 'addr' | 'identity' | 'labels' | 'enforced' | 'node'> & Partial<Person>;

export type StageOptions = {
  /** Default: any free one. */
  readonly port?: number;
  readonly nodes?: number;
  readonly storeSize?: number;
  /** By which what is proved grows old. */
  readonly clock?: Clock;
  /** Default: what is built. */
  readonly files?: ReadonlyMap<string, PageFile>;
};

const WORLD = 2;
/** Boot of the machine whose clock the records have. */
const BOOT = Date.now() - 3_600_000;
const boot = (ms: number): number => Math.round((ms - BOOT) * 1e6);

/**
 * The page's server over agents that have what a test tells them: admin sockets, stores of flows and the way to them are the
 * real ones.
 */
export class PageStage {
  readonly people: readonly Person[];
  readonly denials = new Map<string, FlowDenial>();
  readonly agents: readonly { readonly hub: TestHub; readonly admin: FakeAdmin; readonly server: AdminServer }[];
  readonly page: PageServer;
  readonly options: PageServerOptions;
  readonly #byName: ReadonlyMap<string, Person>;
  readonly #folder = mkdtempSync(join(tmpdir(), 'membrane-ui-'));
  readonly #lifecycle = new Lifecycle({ log: silentLogger });
  readonly #links: AgentLinks;
  readonly #door: OpenDoor;

  constructor(
    people: readonly Staged[],
    { nodes = 2, storeSize = 65_536, files, port = 0, clock: aging }: StageOptions = {},
  ) {
    this.people = people.map((person, i) => ({
      addr: `10.${64 + Math.floor(i / 65_000)}.${Math.floor(i / 250) % 250}.${(i % 250) + 1}`,
      identity: 1_000 + i,
      labels: [`k8s:app=${person.pod}`, `k8s:io.kubernetes.pod.namespace=${person.namespace}`],
      enforced: { ingress: true, egress: false },
      node: i % nodes,
      ...person,
    }));
    this.#byName = new Map(this.people.map((person) => [`${person.namespace}/${person.pod}`, person]));
    const byAddr = new Map(this.people.map((person) => [person.addr, person]));
    const byIdentity = new Map(this.people.map((person) => [person.identity, person]));
    const clock = { now: () => Date.now(), toWall: (ns: number) => BOOT + ns / 1e6, toBoot: boot };
    this.agents = Array.from({ length: nodes }, (_, node) => {
      const hub = new TestHub({
        node: `node-${node + 1}`,
        clock,
        storeSize,
        names: {
          labels: (identity) => (identity === WORLD ? ['reserved:world'] : byIdentity.get(identity)?.labels),
          endpoint: () => undefined,
          address: (addr, identity) => {
            const person = byAddr.get(addr);
            return person?.identity === identity ? person : undefined;
          },
          rule: (id) => (id === 9 ? 'NetworkPolicy shop/let-web-in, ingress rule 0' : undefined),
          denial: (event) => this.#denialOf(event),
        },
      });
      const admin = fakeAdmin({ endpoints: this.#endpointsOf(node) }, (request, ending) =>
        hub.observe(request, ending),
      );
      const status = admin.state.status;
      if (status !== undefined) admin.state.status = { ...status, node: `node-${node + 1}`, cluster: 'stage' };
      const folder = this.#agentFolder(node);
      mkdirSync(join(this.#folder, 'sandbox', `node-${node + 1}`), { recursive: true });
      return { hub, admin, server: new AdminServer({ admin, socketPath: join(folder, 'admin.sock') }) };
    });
    this.#links = new AgentLinks({
      agentsDir: join(this.#folder, 'agents'),
      sandboxDir: join(this.#folder, 'sandbox'),
    });
    this.#door = new OpenDoor({ agents: this.#links, log: silentLogger, clock: aging });
    this.options = {
      door: this.#door,
      host: '127.0.0.1',
      port,
      version: '1',
      log: silentLogger,
      ...(files === undefined ? {} : { files }),
    };
    this.page = new PageServer(this.options);
  }

  async start(): Promise<this> {
    for (const { server } of this.agents) await server.start();
    await this.#lifecycle.start(this.#links, this.#door, this.page);
    return this;
  }

  async stop(): Promise<void> {
    await this.#lifecycle.stop();
    for (const { server } of this.agents) await server.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  person(name: string): Person {
    const found = this.#byName.get(name);
    if (found === undefined) throw new Error(`nobody is called ${name}`);
    return found;
  }

  /** A connection between two, told by the node of the second; at `ms`, or now. `world`: nobody of the cluster. */
  flow(from: string, to: string, change: EventChange & { readonly ms?: number } = {}): void {
    const { ms = Date.now(), ...rest } = change;
    const [source, destination] = [this.#end(from), this.#end(to)];
    const node = to === 'world' ? source.node : destination.node;
    this.agents[node]?.hub.publish({
      timestamp: boot(ms),
      source: source.addr,
      sourceIdentity: source.identity,
      destination: destination.addr,
      destinationIdentity: destination.identity,
      sourceEndpoint: 0,
      destinationEndpoint: 0,
      rule: [9, 0],
      ...rest,
    });
  }

  drop(from: string, to: string, change: EventChange & { readonly ms?: number } = {}): void {
    this.flow(from, to, { type: 'drop', reason: 'policy-ingress', rule: [0, 0], tcpFlags: 2, ...change });
  }

  #end(name: string): Pick<Person, 'addr' | 'identity' | 'node'> {
    return name === 'world' ? { addr: '192.0.2.7', identity: WORLD, node: 0 } : this.person(name);
  }

  #agentFolder(node: number): string {
    const folder = join(this.#folder, 'agents', `node-${node + 1}`);
    mkdirSync(folder, { recursive: true });
    return folder;
  }

  #denialOf({ destination }: DatapathEvent): FlowDenial | undefined {
    return this.denials.get(destination);
  }

  #endpointsOf(node: number): FakeAdmin['state']['endpoints'] {
    return this.people.flatMap((person, i) => {
      if (person.node !== node) return [];
      const { namespace, pod, addr, identity, labels, enforced } = person;
      return [
        {
          id: i + 1,
          state: 'ready' as const,
          namespace,
          pod,
          podUid: `uid-${i}`,
          addresses: [addr],
          mac: '02:00:00:00:00:01',
          interface: `mbr${i}`,
          ifindex: i + 10,
          identity,
          labels,
          namedPorts: [],
          enforced,
          inForce: { ingress: 'wanted' as const, egress: 'wanted' as const },
          policyRevision: 1,
        },
      ];
    });
  }
}
