import { readdirSync, readFileSync, rmSync } from 'node:fs';
import {
  type Config,
  installJudges,
  loadEndpointPrograms,
  type MapSet,
  type ObjectSpec,
  TcxLink,
} from '../datapath/index.ts';
import type { EndpointRecord } from '../endpoint/index.ts';
import { type EndpointId, endpointId, type Ifindex } from '../model/index.ts';
import { hashOf } from './hash.ts';

export type EndpointProgramsOptions = {
  readonly endpoint: ObjectSpec;
  readonly judge: ObjectSpec;
  readonly maps: MapSet;
  /** What is the same for every endpoint of the node. */
  readonly base: Config;
  readonly pinDir: string;
};

export type PinnedLinks = { readonly fromPod: boolean; readonly toPod: boolean };

/** The programs at pods' devices and what they share, as pinned links: they go on when the agent is gone. */
export class EndpointPrograms {
  readonly #o: EndpointProgramsOptions;
  readonly #objectHash: string;

  constructor(options: EndpointProgramsOptions) {
    this.#o = options;
    this.#objectHash = hashOf(readFileSync(options.endpoint.path));
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
    return hashOf(this.#objectHash, JSON.stringify(this.configOf(record)));
  }

  /** Loads this endpoint's programs and attaches both, or swaps what is attached. */
  async attach(record: EndpointRecord): Promise<void> {
    await this.#attach(record.id, record.hostIfindex, this.configOf(record));
  }

  async #attach(id: EndpointId, device: Ifindex, config: Config): Promise<void> {
    const { endpoint, maps } = this.#o;
    const programs = loadEndpointPrograms({ spec: endpoint, maps, config });
    const at = (hook: 'ingress' | 'egress') => ({ ifindex: device, hook, pin: `${this.#directory(id)}/${hook}` });
    try {
      const links = await Promise.allSettled([
        TcxLink.attach({ ...at('ingress'), program: programs.fromPod }),
        TcxLink.attach({ ...at('egress'), program: programs.toPod }),
      ]);
      for (const link of links) if (link.status === 'fulfilled') link.value.close();
      for (const link of links) if (link.status === 'rejected') throw link.reason;
    } finally {
      programs.fromPod.close();
      programs.toPod.close();
    }
  }

  /** Lets nothing pass at a device whose pod is unknown; its word is 0. What is attached there already stays. */
  async close(id: EndpointId, device: Ifindex): Promise<void> {
    const at = this.#pins(id).map((pin) => {
      using link = TcxLink.open(pin);
      return link?.ifindex;
    });
    if (at.every((found) => found === device)) return;
    await this.#attach(id, device, { ...this.#o.base, endpoint: id, ifindex: device });
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

  /** Puts the programs that all endpoints share in place, unless exactly they are; what runs, to be remembered. */
  installShared(running: string | undefined): string {
    const { judge, maps, base } = this.#o;
    const wanted = hashOf(readFileSync(judge.path), JSON.stringify(base));
    if (running !== wanted) installJudges({ spec: judge, maps, config: base });
    return wanted;
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
