import { isAddr, Prefix, parseAddr } from '../../../net/index.ts';
import { invalid } from './invalid.ts';
import { regex } from './pattern.ts';

/** One of these addresses and CIDRs, of either family. */
export function addressPatterns(texts: readonly string[]): (addr: string) => boolean {
  const wanted = new Set(texts.filter(isAddr).map(parseAddr));
  const prefixes = texts.filter((text) => !isAddr(text)).map(prefixOf);
  return (addr) => {
    if (!isAddr(addr)) return false;
    const parsed = parseAddr(addr);
    return wanted.has(parsed) || prefixes.some((prefix) => prefix.contains(parsed));
  };
}

function prefixOf(text: string): Prefix {
  try {
    return Prefix.parse(text, { hostBits: 'clear' });
  } catch {
    throw invalid(`${JSON.stringify(text)} is neither an IP address nor a CIDR`);
  }
}

/** `namespace/prefix` of names; `namespace/`: all of it; `/prefix`: of any namespace; `prefix`: of `default`. */
export function podPattern(text: string): {
  /** Undefined: any. */
  readonly namespace: string | undefined;
  readonly matches: (pod: { readonly namespace?: string | undefined; readonly pod?: string | undefined }) => boolean;
} {
  const slash = text.indexOf('/');
  const prefix = text.slice(slash + 1);
  const written = slash === -1 ? 'default' : text.slice(0, slash);
  const namespace = written === '' ? undefined : written;
  return {
    namespace,
    matches: (end) =>
      end.pod !== undefined && end.pod.startsWith(prefix) && (namespace === undefined || end.namespace === namespace),
  };
}

/** `k8s*`, `cluster/`, `cluster/node-*`, `/node-1`; without a cluster: of any. `*` is any part of a name. */
export function nodePattern(text: string): (cluster: string, node: string) => boolean {
  const slash = text.indexOf('/');
  const cluster = namePattern(slash <= 0 ? '*' : text.slice(0, slash));
  const node = namePattern(text.slice(slash + 1) === '' ? '*' : text.slice(slash + 1));
  return (ofCluster, ofNode) => cluster(ofCluster) && node(ofNode);
}

function namePattern(text: string): (name: string) => boolean {
  if (!/^[-.0-9a-z*]+$/.test(text))
    throw invalid(`${JSON.stringify(text)} is no pattern of a name: a-z, 0-9, -, . and *`);
  return regex(`^${text.replaceAll('.', '\\.').replaceAll('*', '[-.0-9a-z]*')}$`);
}

export function portNumber(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port <= 65_535)) throw invalid(`${JSON.stringify(text)} is no port: a number up to 65535`);
  return port;
}

const PROTOCOLS: ReadonlyMap<string, readonly string[]> = new Map(
  Object.entries({
    tcp: ['TCP'],
    udp: ['UDP'],
    sctp: ['SCTP'],
    icmp: ['ICMP', 'ICMPv6'],
    icmpv4: ['ICMP'],
    icmpv6: ['ICMPv6'],
    vrrp: ['112'],
    igmp: ['2', 'IGMP'],
    // Of what flows do not have yet.
    dns: [],
    http: [],
    kafka: [],
  }),
);

/** As flows name it. */
export function protocolNames(text: string): readonly string[] {
  const names = PROTOCOLS.get(text.toLowerCase());
  if (names === undefined)
    throw invalid(`${JSON.stringify(text)} is no protocol: one of ${[...PROTOCOLS.keys()].join(', ')}`);
  return names;
}
