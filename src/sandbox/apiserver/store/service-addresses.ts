import { isIPv4 } from 'node:net';
import { invalid } from '../../../model/index.ts';
import { addrValue, Prefix, parseAddr } from '../../../net/index.ts';
import { at, ensureObject, isObject, listAt, numberAt, objectAt, stringAt } from '../json.ts';
import type { KubeObject } from '../object.ts';
import { invalidObject } from '../validate/invalid-object.ts';
import { NumberPool, staticBand } from './number-pool.ts';

const NODE_PORTS = { first: 30_000, last: 32_767, staticBand: staticBand(2_768, { share: 32, max: 128 }) };
const ADDRESS_BAND = { share: 16, max: 256 };
/** The first address belongs to the API server's own service. */
const API_SERVER = 1;

/** Cluster addresses and node ports: given out once, taken back with their service. */
export class ServiceAddresses {
  readonly #prefix: Prefix;
  /** By their place in the prefix. */
  readonly #ips: NumberPool;
  readonly #ports = new NumberPool(NODE_PORTS);

  /** `cidr`: IPv4; its first address is the API server's. */
  constructor(cidr: string, existing: Iterable<KubeObject>) {
    const prefix = Prefix.parse(cidr);
    if (prefix.family !== 4) throw new RangeError(`not an IPv4 prefix: ${cidr}`);
    this.#prefix = prefix;
    const size = Number(prefix.size);
    this.#ips = new NumberPool({ first: 1, last: size - 2, staticBand: staticBand(size, ADDRESS_BAND) });
    this.#ips.take(API_SERVER);
    for (const service of existing) this.#mark(service);
  }

  /** Fills in what the service leaves open and reserves all it has. Nothing is reserved when it throws or in a dry run. */
  assign(service: KubeObject, old: KubeObject | undefined, dryRun: boolean): void {
    const spec = ensureObject(service, 'spec');
    const type = stringAt(spec, 'type');
    if (type === 'ExternalName') {
      delete spec['clusterIP'];
      delete spec['clusterIPs'];
    } else {
      const kept = stringAt(old, 'spec', 'clusterIP');
      const asked = stringAt(spec, 'clusterIP') || kept;
      if (asked !== undefined && asked !== 'None' && asked !== kept) this.#checkAsked(service, asked);
      const clusterIP = asked ?? this.#freeIp(service);
      spec['clusterIP'] = clusterIP;
      spec['clusterIPs'] = [clusterIP];
    }
    if (type === 'NodePort' || type === 'LoadBalancer') this.#assignNodePorts(service, old);
    this.#assignHealthPort(service, old);
    if (dryRun) return;
    if (old !== undefined) this.release(old);
    this.#mark(service);
  }

  release(service: KubeObject): void {
    const offset = this.#offset(stringAt(service, 'spec', 'clusterIP'));
    if (offset !== undefined && offset !== API_SERVER) this.#ips.release(offset);
    for (const port of nodePortsOf(service)) this.#ports.release(port);
  }

  #mark(service: KubeObject): void {
    const offset = this.#offset(stringAt(service, 'spec', 'clusterIP'));
    if (offset !== undefined) this.#ips.take(offset);
    for (const port of nodePortsOf(service)) this.#ports.take(port);
  }

  #offset(ip: string | undefined): number | undefined {
    if (ip === undefined || !isIPv4(ip)) return undefined;
    const offset = Number(addrValue(parseAddr(ip)) - this.#prefix.value);
    return this.#ips.covers(offset) ? offset : undefined;
  }

  #freeIp(service: KubeObject): string {
    const offset = this.#ips.free();
    if (offset !== undefined) return this.#prefix.at(BigInt(offset));
    throw failed(service, 'spec.clusterIPs', '', 'failed to allocate IP: range is full');
  }

  #checkAsked(service: KubeObject, ip: string): void {
    const offset = this.#offset(ip);
    if (offset === undefined) {
      throw failed(
        service,
        'spec.clusterIPs',
        [ip],
        `failed to allocate IP ${ip}: the provided IP is not in the valid range`,
      );
    }
    if (this.#ips.isTaken(offset) && !isApiServer(service, offset)) {
      throw failed(service, 'spec.clusterIPs', [ip], `failed to allocate IP ${ip}: provided IP is already allocated`);
    }
  }

  #assignNodePorts(service: KubeObject, old: KubeObject | undefined): void {
    const kept = new Set(listAt(old, 'spec', 'ports').map((port) => numberAt(port, 'nodePort') ?? 0));
    const oldByPort = new Map(
      listAt(old, 'spec', 'ports').map((port) => [`${stringAt(port, 'protocol')}/${numberAt(port, 'port')}`, port]),
    );
    const taken = new Set<number>();
    // Ports of one number and different protocols share their node port, as the real server has it.
    const shared = new Map<number, number>();
    const spec = objectAt(service, 'spec');
    // A balancer that reaches pods by itself: what was given before stays, and what is asked for is given.
    const needed = stringAt(spec, 'type') !== 'LoadBalancer' || at(spec, 'allocateLoadBalancerNodePorts') !== false;
    for (const [index, port] of listAt(service, 'spec', 'ports').entries()) {
      if (!isObject(port)) continue;
      const own = numberAt(port, 'port') ?? 0;
      const before = oldByPort.get(`${stringAt(port, 'protocol')}/${numberAt(port, 'port')}`);
      const asked = numberAt(port, 'nodePort') || numberAt(before, 'nodePort') || shared.get(own) || 0;
      if (asked === 0 && !needed) continue;
      const number = asked === 0 ? this.#freePort(service, taken) : asked;
      const field = `spec.ports[${index}].nodePort`;
      if (!this.#ports.covers(number)) {
        throw failed(
          service,
          field,
          number,
          'provided port is not in the valid range. The range of valid ports is 30000-32767',
        );
      }
      const isTaken = taken.has(number) ? shared.get(own) !== number : this.#ports.isTaken(number) && !kept.has(number);
      if (isTaken) throw failed(service, field, number, 'provided port is already allocated');
      taken.add(number);
      shared.set(own, number);
      port['nodePort'] = number;
    }
  }

  /** Where load balancers ask whether a node has anybody: only with an external policy Local. */
  #assignHealthPort(service: KubeObject, old: KubeObject | undefined): void {
    const spec = ensureObject(service, 'spec');
    if (stringAt(spec, 'type') !== 'LoadBalancer' || stringAt(spec, 'externalTrafficPolicy') !== 'Local') {
      delete spec['healthCheckNodePort'];
      return;
    }
    const kept = numberAt(old, 'spec', 'healthCheckNodePort') ?? 0;
    const asked = numberAt(spec, 'healthCheckNodePort') || kept;
    const own = new Set(listAt(spec, 'ports').map((port) => numberAt(port, 'nodePort') ?? 0));
    if (asked !== 0 && asked !== kept && (this.#ports.isTaken(asked) || own.has(asked))) {
      throw failed(service, 'spec.healthCheckNodePort', asked, 'provided port is already allocated');
    }
    spec['healthCheckNodePort'] = asked === 0 ? this.#freePort(service, own) : asked;
  }

  #freePort(service: KubeObject, taken: ReadonlySet<number>): number {
    const port = this.#ports.free(taken);
    if (port !== undefined) return port;
    throw failed(service, 'spec.ports', '', 'failed to allocate a nodePort: range is full');
  }
}

function isApiServer({ metadata: { namespace, name } }: KubeObject, offset: number): boolean {
  return offset === API_SERVER && namespace === 'default' && name === 'kubernetes';
}

/** The health check's, too. */
function nodePortsOf(service: KubeObject): number[] {
  const ports = listAt(service, 'spec', 'ports').map((port) => numberAt(port, 'nodePort'));
  return [...ports, numberAt(service, 'spec', 'healthCheckNodePort')].filter((port) => port !== undefined);
}

function failed(service: KubeObject, field: string, value: number | string | string[], detail: string): Error {
  return invalidObject('Service', '', service.metadata.name, [invalid(field, value, detail)]);
}
