import { isIPv4 } from 'node:net';
import { invalid } from '../../../model/index.ts';
import { addrValue, Prefix, parseAddr } from '../../../net/index.ts';
import { ensureObject, isObject, listAt, numberAt, stringAt } from '../json.ts';
import type { KubeObject } from '../object.ts';
import { invalidObject } from '../validate/invalid-object.ts';

const NODE_PORTS = { first: 30_000, last: 32_767 };

/** Cluster addresses and node ports: given out once, taken back with their service. */
export class ServiceAddresses {
  readonly #prefix: Prefix;
  readonly #size: number;
  readonly #usedIps = new Set<number>();
  readonly #usedPorts = new Set<number>();
  #nextIp = 10;
  #nextPort = NODE_PORTS.first;

  /** `cidr`: IPv4; its first address is the API server's. */
  constructor(cidr: string, existing: Iterable<KubeObject>) {
    const prefix = Prefix.parse(cidr);
    if (prefix.family !== 4) throw new RangeError(`not an IPv4 prefix: ${cidr}`);
    this.#prefix = prefix;
    this.#size = Number(prefix.size);
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
    if (offset !== undefined) this.#usedIps.delete(offset);
    for (const port of listAt(service, 'spec', 'ports')) this.#usedPorts.delete(numberAt(port, 'nodePort') ?? 0);
    this.#usedPorts.delete(numberAt(service, 'spec', 'healthCheckNodePort') ?? 0);
  }

  #mark(service: KubeObject): void {
    const offset = this.#offset(stringAt(service, 'spec', 'clusterIP'));
    if (offset !== undefined) this.#usedIps.add(offset);
    for (const port of listAt(service, 'spec', 'ports')) {
      const nodePort = numberAt(port, 'nodePort') ?? 0;
      if (nodePort !== 0) this.#usedPorts.add(nodePort);
    }
    const health = numberAt(service, 'spec', 'healthCheckNodePort') ?? 0;
    if (health !== 0) this.#usedPorts.add(health);
  }

  #offset(ip: string | undefined): number | undefined {
    if (ip === undefined || !isIPv4(ip)) return undefined;
    const offset = Number(addrValue(parseAddr(ip)) - this.#prefix.value);
    return offset > 0 && offset < this.#size - 1 ? offset : undefined;
  }

  #freeIp(service: KubeObject): string {
    for (let tried = 0; tried < this.#size; tried++) {
      const offset = this.#nextIp;
      this.#nextIp = offset + 1 < this.#size - 1 ? offset + 1 : 1;
      // The first address is kept for the API server's own service.
      if (offset < 2 || this.#usedIps.has(offset)) continue;
      return this.#prefix.at(BigInt(offset));
    }
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
    if (this.#usedIps.has(offset)) {
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
    for (const [index, port] of listAt(service, 'spec', 'ports').entries()) {
      if (!isObject(port)) continue;
      const own = numberAt(port, 'port') ?? 0;
      const before = oldByPort.get(`${stringAt(port, 'protocol')}/${numberAt(port, 'port')}`);
      const asked = numberAt(port, 'nodePort') || numberAt(before, 'nodePort') || shared.get(own) || 0;
      const number = asked === 0 ? this.#freePort(service, taken) : asked;
      const field = `spec.ports[${index}].nodePort`;
      if (number < NODE_PORTS.first || number > NODE_PORTS.last) {
        throw failed(
          service,
          field,
          number,
          'provided port is not in the valid range. The range of valid ports is 30000-32767',
        );
      }
      const isTaken = taken.has(number) ? shared.get(own) !== number : this.#usedPorts.has(number) && !kept.has(number);
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
    if (asked !== 0 && asked !== kept && (this.#usedPorts.has(asked) || own.has(asked))) {
      throw failed(service, 'spec.healthCheckNodePort', asked, 'provided port is already allocated');
    }
    spec['healthCheckNodePort'] = asked === 0 ? this.#freePort(service, own) : asked;
  }

  #freePort(service: KubeObject, taken: ReadonlySet<number>): number {
    for (let tried = 0; tried <= NODE_PORTS.last - NODE_PORTS.first; tried++) {
      const port = this.#nextPort;
      this.#nextPort = port === NODE_PORTS.last ? NODE_PORTS.first : port + 1;
      if (!this.#usedPorts.has(port) && !taken.has(port)) return port;
    }
    throw failed(service, 'spec.ports', '', 'failed to allocate a nodePort: range is full');
  }
}

function failed(service: KubeObject, field: string, value: number | string | string[], detail: string): Error {
  return invalidObject('Service', '', service.metadata.name, [invalid(field, value, detail)]);
}
