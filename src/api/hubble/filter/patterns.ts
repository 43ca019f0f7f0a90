import { RE2JS } from 're2js';
import { isAddr, Prefix, parseAddr } from '../../../net/index.ts';
import { invalid } from './invalid.ts';

/** An address or a CIDR, of either family. */
export function addressPattern(text: string): (addr: string) => boolean {
  if (isAddr(text)) {
    const wanted = parseAddr(text);
    return (addr) => isAddr(addr) && parseAddr(addr) === wanted;
  }
  try {
    const prefix = Prefix.parse(text, { hostBits: 'clear' });
    return (addr) => isAddr(addr) && prefix.contains(parseAddr(addr));
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

/** By the rules of RE2, whose time grows with the text and not beyond. */
export function regex(pattern: string): (text: string) => boolean {
  try {
    const compiled = RE2JS.compile(pattern);
    return (text) => compiled.matcher(text).find();
  } catch (error) {
    throw invalid(`${JSON.stringify(pattern)} is no regular expression of RE2: ${(error as Error).message}`);
  }
}

export function portNumber(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port <= 65_535)) throw invalid(`${JSON.stringify(text)} is no port: a number up to 65535`);
  return port;
}

const PROTOCOLS: Readonly<Record<string, readonly string[]>> = {
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
};

/** As flows name it. */
export function protocolNames(text: string): readonly string[] {
  const names = PROTOCOLS[text.toLowerCase()];
  if (names === undefined)
    throw invalid(`${JSON.stringify(text)} is no protocol: one of ${Object.keys(PROTOCOLS).join(', ')}`);
  return names;
}
