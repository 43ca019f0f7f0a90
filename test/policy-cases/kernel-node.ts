import { FakeClock } from '../../src/base/testkit.ts';
import { type Config, ZERO_CONFIG } from '../../src/datapath/gen/config.ts';
import { policyMaps } from '../../src/datapath/maps/policy-maps.ts';
import { serviceMaps } from '../../src/datapath/maps/service-maps.ts';
import { backendRow, serviceRow, translationsMap } from '../../src/datapath/maps/testkit.ts';
import { type LoadedEndpoint, TestDatapath } from '../../src/datapath/testkit.ts';
import type { DropReason } from '../../src/model/gen/enums.ts';
import { endpointId } from '../../src/model/index.ts';
import { type Addr, addrFamily, macOfAddr, parseAddr, parseMac } from '../../src/net/index.ts';
import type { PlaneOptions } from '../../src/plane/index.ts';
import { FakeKernel } from '../../src/plane/testkit.ts';
import { ifindexOf, NodePlane } from './node-plane.ts';
import { type Flow, frontendAddr, type World } from './world.ts';

export type ServiceFlow = Flow & { readonly frontend: NonNullable<Flow['frontend']> };

export const GATEWAY_MAC = parseMac('0a:58:a9:fe:01:01');

/** Everything that has a part in a verdict; the pods of all nodes are local, so that both their halves are asked. */
const CONFIG: Config = {
  ...ZERO_CONFIG,
  enableIpv6: true,
  enableEvents: true,
  enableCidrSelects: true,
  enablePolicy: true,
  enableServices: true,
  gatewayMac: GATEWAY_MAC,
  gatewayIpv4: parseAddr('169.254.1.1'),
  nodePortMin: 30_000,
  nodePortMax: 32_767,
};

/** The one service that a flow goes through. */
const SERVICE_REVISION = 1;
const BACKEND = 1;

export type Hook = 'from_pod' | 'to_pod' | 'from_netdev';
/** `packet`: as it left. */
export type KernelVerdict =
  | { readonly verdict: 'allow'; readonly packet: Uint8Array }
  | { readonly verdict: 'deny'; readonly reason: DropReason };

/** The programs and maps of one node; its plane is what an agent opens. Programs stay loaded for their addresses. */
export class KernelNode implements Disposable {
  readonly #name: string;
  readonly #datapath = new TestDatapath({ sizes: { conntrack: 64 } });
  readonly #fromNetdev = this.#datapath.load('host', ['from_netdev'] as const, CONFIG).from_netdev;
  readonly #programs = new Map<Addr, LoadedEndpoint>();
  /** What outlives a plane beside the maps. */
  readonly #numbering = new FakeKernel();
  readonly #clock = new FakeClock(1_000_000);
  #plane: NodePlane | undefined;

  constructor(name: string) {
    this.#name = name;
  }

  async setUp(world: World): Promise<void> {
    this.#plane ??= await NodePlane.open(world, {
      node: this.#name,
      kernel: this.#numbering,
      maps: this.#maps(),
      endpointAt: (addr) => this.#endpointAt(addr).id,
      allPods: true,
      clock: this.#clock,
    });
    await this.#plane.follow(world);
  }

  /** The next world is another plane's, as after a restart with other settings. */
  async restart(): Promise<void> {
    await this.#plane?.close();
    this.#plane = undefined;
  }

  #maps(): Pick<PlaneOptions, 'maps' | 'ipcacheRows'> {
    const { maps, endpoints, ipcache, words, tenants, tenantAccounts, shares, world } = this.#datapath;
    return {
      maps: {
        endpoints,
        ipcache,
        words,
        tenants,
        policy: policyMaps(maps),
        tenantAccounts,
        tenantShares: shares,
        tenantWorld: world,
      },
      ipcacheRows: maps.spec('ipcache').maxEntries,
    };
  }

  #endpointAt(addr: Addr): LoadedEndpoint {
    const known = this.#programs.get(addr);
    if (known !== undefined) return known;
    const id = endpointId(this.#programs.size + 1);
    const is4 = addrFamily(addr) === 4;
    const loaded = this.#datapath.loadEndpoint({
      ...CONFIG,
      endpoint: id,
      ifindex: ifindexOf(id),
      ipv4: is4 ? addr : null,
      ipv6: is4 ? null : addr,
      mac: macOfAddr(addr),
    });
    this.#programs.set(addr, loaded);
    return loaded;
  }

  /** Judges the first packet of a connection of the pod with this address. `forwarded`: it came to the node by a device. */
  async judge(hook: Hook, addr: Addr, frame: Uint8Array, forwarded: boolean): Promise<KernelVerdict> {
    const endpoint = this.#endpointAt(addr);
    const program = { from_pod: endpoint.fromPod, to_pod: endpoint.toPod, from_netdev: this.#fromNetdev }[hook];
    this.#datapath.events();
    const { action, packet } = this.#datapath.run(program, frame, { ingressIfindex: forwarded ? 1 : 0 });
    const drop = this.#datapath.events().find(({ type }) => type === 'drop');
    const connections = await this.#datapath.conntrack.entries();
    await this.#datapath.conntrack.deleteMany(connections.map(([key]) => key));
    return action === 'drop' ? { verdict: 'deny', reason: drop?.reason ?? 'none' } : { verdict: 'allow', packet };
  }

  /** A service with one backend, for the time of `judge`. */
  async withService<T>({ frontend, from, to, protocol, port }: ServiceFlow, judge: () => Promise<T>): Promise<T> {
    const { backends, slots, services } = serviceMaps(this.#datapath.maps);
    const scope = from.kind === 'pod' ? 'inside' : 'outside';
    const key = { addr: frontendAddr(frontend), port: frontend.port, protocol, scope } as const;
    backends.set(BACKEND, backendRow({ addr: to.addr, port, protocol }));
    slots.set({ revision: SERVICE_REVISION, slot: 0 }, { backend: BACKEND });
    services.set(key, serviceRow({ revision: SERVICE_REVISION, count: 1, service: 1 }));
    try {
      return await judge();
    } finally {
      services.delete(key);
      backends.delete(BACKEND);
      const translations = translationsMap(this.#datapath.maps);
      await translations.deleteMany((await translations.entries()).map(([own]) => own));
    }
  }

  [Symbol.dispose](): void {
    this.#datapath.close();
  }
}
