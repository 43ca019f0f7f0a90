import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import {
  type Config,
  installJudges,
  loadEndpointPrograms,
  loadPrograms,
  type MapSet,
  type ObjectSpec,
  TcxLink,
} from '../datapath/index.ts';
import type { EndpointRecord } from '../endpoint/index.ts';
import { type EndpointId, endpointId, type Ifindex } from '../model/index.ts';

export type EndpointProgramsOptions = {
  readonly endpoint: ObjectSpec;
  readonly judge: ObjectSpec;
  readonly host: ObjectSpec;
  readonly maps: MapSet;
  /** What is the same for every endpoint of the node. */
  readonly base: Config;
  readonly pinDir: string;
};

export type PinnedLinks = { readonly fromPod: boolean; readonly toPod: boolean };

/** The programs at pods' devices and at the uplink, as pinned links: they go on when the agent is gone. */
export class EndpointPrograms {
  readonly #o: EndpointProgramsOptions;
  readonly #objectHash: string;
  readonly #hostHash: string;

  constructor(options: EndpointProgramsOptions) {
    this.#o = options;
    this.#objectHash = hash(readFileSync(options.endpoint.path));
    this.#hostHash = hash(readFileSync(options.host.path));
  }

  configOf(record: EndpointRecord): Config {
    return {
      ...this.#o.base,
      endpoint: record.id,
      ifindex: record.hostIfindex,
      ipv4: record.addr,
      mac: record.mac,
    };
  }

  /** Names exactly what runs: the object file and every constant. */
  programOf(record: EndpointRecord): string {
    return hash(this.#objectHash, JSON.stringify(this.configOf(record)));
  }

  /** Loads this endpoint's programs and attaches both, or swaps what is attached. */
  async attach(record: EndpointRecord): Promise<void> {
    const { endpoint, maps } = this.#o;
    const programs = loadEndpointPrograms({ spec: endpoint, maps, config: this.configOf(record) });
    try {
      const links = await Promise.allSettled([
        TcxLink.attach({ ...this.#at(record, 'ingress'), program: programs.fromPod }),
        TcxLink.attach({ ...this.#at(record, 'egress'), program: programs.toPod }),
      ]);
      for (const link of links) if (link.status === 'fulfilled') link.value.close();
      for (const link of links) if (link.status === 'rejected') throw link.reason;
    } finally {
      programs.fromPod.close();
      programs.toPod.close();
    }
  }

  /** Throws E_DATAPATH_ATTACH and its kin when a link is not as it should be. */
  verify(record: EndpointRecord): void {
    for (const pin of this.#pins(record.id)) {
      using link = TcxLink.open(pin);
      link?.verify();
      if (link === undefined || link.ifindex !== record.hostIfindex) throw new Error(`no program is pinned at ${pin}`);
    }
  }

  /** Takes the programs off. Call it when the device is gone: then it costs no waiting. */
  async detach(id: EndpointId): Promise<void> {
    for (const pin of this.#pins(id)) await TcxLink.open(pin)?.detach();
    rmSync(this.#directory(id), { recursive: true, force: true });
  }

  /** Which endpoints have pinned links. */
  pinned(): Map<EndpointId, PinnedLinks> {
    const found = new Map<EndpointId, PinnedLinks>();
    for (const name of list(`${this.#o.pinDir}/links`)) {
      if (!/^[1-9]\d{0,4}$/.test(name)) continue;
      const links = list(`${this.#o.pinDir}/links/${name}`);
      found.set(endpointId(Number(name)), { fromPod: links.includes('ingress'), toPod: links.includes('egress') });
    }
    return found;
  }

  /** What `installShared` and `attachUplink` said in an earlier life. */
  remembered(file: unknown, what: 'shared' | 'uplink'): string | undefined {
    const value = typeof file === 'object' && file !== null ? (file as Record<string, unknown>)[what] : undefined;
    return typeof value === 'string' ? value : undefined;
  }

  /** Puts the programs that all endpoints share in place, unless exactly they are; what runs, to be remembered. */
  installShared(running: string | undefined): string {
    const { judge, maps, base } = this.#o;
    const wanted = hash(readFileSync(judge.path), JSON.stringify(base));
    if (running !== wanted) installJudges({ spec: judge, maps, config: base });
    return wanted;
  }

  /** Attaches `from_netdev` to the uplink unless exactly that runs there already; what runs, to be remembered. */
  async attachUplink(uplink: Ifindex, running: string | undefined): Promise<string> {
    const { host, maps, base, pinDir } = this.#o;
    const wanted = `${uplink} ${hash(this.#hostHash, JSON.stringify(base))}`;
    const pin = `${pinDir}/links/uplink`;
    if (running === wanted) {
      using link = TcxLink.open(pin);
      if (link !== undefined && link.ifindex === uplink) return wanted;
    }
    const { from_netdev } = loadPrograms({ spec: host, maps, config: base, programs: ['from_netdev'] });
    try {
      (await TcxLink.attach({ program: from_netdev, ifindex: uplink, hook: 'ingress', pin })).close();
    } finally {
      from_netdev.close();
    }
    return wanted;
  }

  #at(record: EndpointRecord, hook: 'ingress' | 'egress') {
    return { ifindex: record.hostIfindex, hook, pin: `${this.#directory(record.id)}/${hook}` } as const;
  }

  #pins(id: EndpointId): string[] {
    return ['ingress', 'egress'].map((hook) => `${this.#directory(id)}/${hook}`);
  }

  #directory(id: EndpointId): string {
    return `${this.#o.pinDir}/links/${id}`;
  }
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function hash(...parts: (string | Uint8Array)[]): string {
  const sum = createHash('sha256');
  for (const part of parts) sum.update(part);
  return sum.digest('hex').slice(0, 16);
}
