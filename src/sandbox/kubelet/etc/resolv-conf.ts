import type { Pod } from '../../client/index.ts';

export type DnsSettings = {
  /** Addresses of the cluster's own server. */
  readonly servers: readonly string[];
  /** `cluster.local` */
  readonly domain: string;
  /** Text of the node's own file. */
  readonly node: string;
};

type Resolver = {
  readonly servers: readonly string[];
  readonly searches: readonly string[];
  /** By name; without a value, the empty string. */
  readonly options: ReadonlyMap<string, string>;
};

/** What the C library reads at most. */
const MAX_SERVERS = 3;
const MAX_SEARCHES = 32;

/** What a file says (resolv.conf(5)). */
function parse(text: string): Resolver {
  const lines = text.split('\n').map((line) =>
    line
      .replace(/[#;].*/, '')
      .trim()
      .split(/\s+/),
  );
  const words = (keyword: string): string[] => lines.filter(([first]) => first === keyword).flatMap((l) => l.slice(1));
  return { servers: words('nameserver'), searches: words('search'), options: optionsOf(words('options')) };
}

function optionsOf(words: readonly string[]): Map<string, string> {
  return new Map(
    words.map((word) => [word.split(':')[0] ?? '', word.includes(':') ? word.slice(word.indexOf(':') + 1) : '']),
  );
}

function ofPolicy(pod: Pod, dns: DnsSettings): Resolver {
  const { dnsPolicy, hostNetwork } = pod.spec;
  if (dnsPolicy === 'None') return { servers: [], searches: [], options: new Map() };
  if (dnsPolicy === 'Default' || (dnsPolicy === 'ClusterFirst' && hostNetwork)) return parse(dns.node);
  const service = `svc.${dns.domain}`;
  return {
    servers: dns.servers,
    searches: [`${pod.metadata.namespace}.${service}`, service, dns.domain],
    options: new Map([['ndots', '5']]),
  };
}

export type ResolvConf = {
  readonly text: string;
  /** What was left out, as the kubelet of Kubernetes says it. */
  readonly warnings: readonly string[];
};

/** /etc/resolv.conf of a pod, by its `dnsPolicy` and `dnsConfig`. */
export function resolvConf(pod: Pod, dns: DnsSettings): ResolvConf {
  const base = ofPolicy(pod, dns);
  const { nameservers, searches: more, options } = pod.spec.dnsConfig;
  const servers = [...new Set([...base.servers, ...nameservers])];
  const searches = [...new Set([...base.searches, ...more])];
  const all = new Map([...base.options, ...options.map(({ name, value }) => [name, value] as const)]);
  const kept = servers.slice(0, MAX_SERVERS);
  const searched = searches.slice(0, MAX_SEARCHES);
  const warnings: string[] = [];
  if (kept.length < servers.length) {
    warnings.push(
      `Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: ${kept.join(' ')}`,
    );
  }
  if (searched.length < searches.length) {
    warnings.push(
      `Search Line limits were exceeded, some search paths have been omitted, the applied search line is: ${searched.join(' ')}`,
    );
  }
  const lines = [
    ...(searched.length === 0 ? [] : [`search ${searched.join(' ')}`]),
    ...kept.map((server) => `nameserver ${server}`),
    ...(all.size === 0
      ? []
      : [`options ${[...all].map(([name, value]) => (value === '' ? name : `${name}:${value}`)).join(' ')}`]),
  ];
  return { text: lines.map((line) => `${line}\n`).join(''), warnings };
}
