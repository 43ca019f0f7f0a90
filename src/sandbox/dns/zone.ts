import { isIPv4 } from 'node:net';
import type { Port, ServiceRow } from './rows.ts';
import { type ClusterView, isAddress } from './view.ts';

/** How long clients may keep an answer, in seconds: CoreDNS in clusters of kubeadm says the same. */
export const TTL = 30;

export type ZoneRecord = { readonly name: string; readonly ttl: number } & (
  | { readonly type: 'A' | 'CNAME' | 'NS' | 'PTR' | 'TXT'; readonly data: string }
  | { readonly type: 'SRV'; readonly data: { priority: number; weight: number; port: number; target: string } }
  | {
      readonly type: 'SOA';
      readonly data: {
        mname: string;
        rname: string;
        serial: number;
        refresh: number;
        retry: number;
        expire: number;
        minimum: number;
      };
    }
);

export type ZoneAnswer = {
  readonly rcode: 'NOERROR' | 'NXDOMAIN';
  readonly answers: readonly ZoneRecord[];
  /** Addresses of those whom answers name. */
  readonly additionals: readonly ZoneRecord[];
  readonly authorities: readonly ZoneRecord[];
};

type Found = { readonly records: readonly ZoneRecord[]; readonly additionals?: readonly ZoneRecord[] };

const REVERSE = '.in-addr.arpa';
const VERSION = '1.1.0';
/** Chains of names of other services are followed this far. */
const MAX_ALIASES = 8;

/**
 * Names of a cluster after the specification of Kubernetes' DNS (1.1.0): of services, of the pods behind headless ones, of
 * pods by their address, and addresses back. Every other name there is not: the sandbox asks nobody outside.
 */
export class Zone {
  readonly #view: ClusterView;
  readonly #domain: string;

  /** `domain`: `cluster.local`. */
  constructor(view: ClusterView, domain: string) {
    this.#view = view;
    this.#domain = domain;
  }

  answer(name: string, type: string): ZoneAnswer {
    const asked = name.toLowerCase().replace(/\.$/, '');
    const found = this.#find(asked);
    if (found === undefined) return this.#none('NXDOMAIN');
    const isWanted = (record: ZoneRecord): boolean => type === 'ANY' || record.type === type || record.type === 'CNAME';
    const answers = this.#followed(found.records.filter(isWanted), type).map((record) =>
      // The question as it was asked: clients that mix cases compare.
      record.name === asked ? { ...record, name: name.replace(/\.$/, '') } : record,
    );
    if (answers.length === 0) return this.#none('NOERROR');
    const names = new Set(answers.flatMap((record) => (record.type === 'SRV' ? [record.data.target] : [])));
    const additionals = (found.additionals ?? []).filter((record) => names.has(record.name));
    return { rcode: 'NOERROR', answers, additionals, authorities: [] };
  }

  #none(rcode: ZoneAnswer['rcode']): ZoneAnswer {
    return { rcode, answers: [], additionals: [], authorities: [this.#soa()] };
  }

  /** An alias to a name of the cluster brings what that is, too. */
  #followed(records: readonly ZoneRecord[], type: string): ZoneRecord[] {
    const out = [...records];
    const [alias] = records;
    let target = alias?.type === 'CNAME' && type !== 'CNAME' ? alias.data.toLowerCase() : undefined;
    for (let depth = 0; target !== undefined && depth < MAX_ALIASES; depth += 1) {
      const next: readonly ZoneRecord[] = this.#find(target)?.records ?? [];
      const fitting = next.filter((record) => record.type === type || record.type === 'CNAME');
      out.push(...fitting);
      target = fitting[0]?.type === 'CNAME' ? fitting[0].data.toLowerCase() : undefined;
    }
    return out;
  }

  /** Everything of a name; `undefined`: it is not there. */
  #find(name: string): Found | undefined {
    if (name.endsWith(REVERSE)) return this.#reverse(name);
    if (name === this.#domain) return { records: [this.#soa(), record(name, 'NS', `ns.dns.${this.#domain}`)] };
    if (!name.endsWith(`.${this.#domain}`)) return undefined;
    const labels = name.slice(0, -this.#domain.length - 1).split('.');
    const kind = labels.pop();
    switch (kind) {
      case 'svc':
        return this.#ofService(name, labels);
      case 'pod':
        return this.#ofPod(name, labels);
      case 'dns-version':
        return labels.length === 0 ? { records: [record(name, 'TXT', VERSION)] } : undefined;
      case 'dns':
        return labels.join() === 'ns' ? { records: this.#ownAddress(name) } : undefined;
      default:
        return undefined;
    }
  }

  #ofService(name: string, labels: string[]): Found | undefined {
    const namespace = labels.pop();
    if (namespace === undefined) return { records: [] };
    const serviceName = labels.pop();
    if (serviceName === undefined) return this.#view.hasNamespace(namespace) ? { records: [] } : undefined;
    const service = this.#view.service(namespace, serviceName);
    if (service === undefined) return undefined;
    const [first = '', second = ''] = labels;
    if (labels.length === 0) return this.#whole(name, service);
    if (labels.length === 2 && first.startsWith('_') && second.startsWith('_')) {
      return this.#ports(name, service, first.slice(1), second.slice(1));
    }
    if (labels.length === 1 && /^_(tcp|udp|sctp)$/.test(first)) return { records: [] };
    return labels.length === 1 ? this.#endpoint(name, service, first) : undefined;
  }

  #whole(name: string, service: ServiceRow): Found | undefined {
    if (service.type === 'ExternalName') return { records: [record(name, 'CNAME', service.externalName)] };
    const addresses = isAddress(service.clusterIP)
      ? [service.clusterIP]
      : this.#view.endpoints(service).map(({ address }) => address);
    // A headless service without anybody is no name, as with CoreDNS.
    if (addresses.length === 0) return undefined;
    const { records = [], additionals = [] } = this.#ports(name, service, '', '') ?? {};
    return { records: [...addresses.map((address) => record(name, 'A', address)), ...records], additionals };
  }

  #endpoint(name: string, service: ServiceRow, label: string): Found | undefined {
    if (isAddress(service.clusterIP) || service.type === 'ExternalName') return undefined;
    const own = this.#view.endpoints(service).filter((endpoint) => endpoint.label === label);
    return own.length === 0 ? undefined : { records: own.map(({ address }) => record(name, 'A', address)) };
  }

  /** Port and protocol by name; `''`: all. */
  #ports(name: string, service: ServiceRow, port: string, protocol: string): Found | undefined {
    if (service.type === 'ExternalName') return undefined;
    const own = this.#nameOf(service);
    const isAsked = (of: Port): boolean =>
      of.name !== '' ? port === '' || (of.name === port && of.protocol.toLowerCase() === protocol) : port === '';
    const hosts = isAddress(service.clusterIP)
      ? [{ target: own, address: service.clusterIP, ports: service.ports }]
      : this.#view
          .endpoints(service)
          .map(({ label, address, ports }) => ({ target: `${label}.${own}`, address, ports }));
    const all = hosts.flatMap((host) => host.ports.filter(isAsked).map(({ port: number }) => ({ ...host, number })));
    if (all.length === 0) return undefined;
    const weight = Math.max(1, Math.floor(100 / all.length));
    return {
      records: all.map(({ target, number }) => ({
        name,
        ttl: TTL,
        type: 'SRV',
        data: { priority: 0, weight, port: number, target },
      })),
      additionals: hosts.map(({ target, address }) => record(target, 'A', address)),
    };
  }

  /** `10-244-1-2.namespace.pod`: the address that the name says, whoever has it. */
  #ofPod(name: string, labels: string[]): Found | undefined {
    const namespace = labels.pop();
    if (namespace === undefined) return { records: [] };
    if (!this.#view.hasNamespace(namespace)) return undefined;
    const [label, ...more] = labels;
    if (label === undefined) return { records: [] };
    const address = label.replaceAll('-', '.');
    return isIPv4(address) && more.length === 0 ? { records: [record(name, 'A', address)] } : undefined;
  }

  #reverse(name: string): Found | undefined {
    const address = name.slice(0, -REVERSE.length).split('.').toReversed().join('.');
    const service = this.#view.serviceAt(address);
    if (service !== undefined) return { records: [record(name, 'PTR', this.#nameOf(service))] };
    const names = this.#view.endpointsAt(address).map(({ label, service: of }) => `${label}.${this.#nameOf(of)}`);
    return names.length === 0 ? undefined : { records: names.map((target) => record(name, 'PTR', target)) };
  }

  #ownAddress(name: string): ZoneRecord[] {
    const own = this.#view.service('kube-system', 'kube-dns');
    return own === undefined ? [] : [record(name, 'A', own.clusterIP)];
  }

  #nameOf({ namespace, name }: ServiceRow): string {
    return `${name}.${namespace}.svc.${this.#domain}`;
  }

  #soa(): ZoneRecord {
    const mname = `ns.dns.${this.#domain}`;
    const rname = `hostmaster.${this.#domain}`;
    const data = { mname, rname, serial: 1, refresh: 7_200, retry: 1_800, expire: 86_400, minimum: TTL };
    return { name: this.#domain, ttl: TTL, type: 'SOA', data };
  }
}

function record(name: string, type: 'A' | 'CNAME' | 'NS' | 'PTR' | 'TXT', data: string): ZoneRecord {
  return { name, ttl: TTL, type, data };
}
