import type { Pod } from '../../client/index.ts';

const HEAD = `# Kubernetes-managed hosts file.
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
fe00::0\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
`;

export function hostName({ metadata, spec }: Pod): string {
  // The kernel takes 64 bytes; Kubernetes cuts a host name at 63.
  return (spec.hostname ?? metadata.name).slice(0, 63);
}

/** /etc/hosts of a pod, as the kubelet of Kubernetes writes it. */
export function hostsFile(pod: Pod, podIPs: readonly string[], clusterDomain: string): string {
  const { subdomain, hostAliases } = pod.spec;
  const name = hostName(pod);
  const full = `${name}.${subdomain}.${pod.metadata.namespace}.svc.${clusterDomain}`;
  const own = podIPs.map((ip) => (subdomain === '' ? `${ip}\t${name}\n` : `${ip}\t${full}\t${name}\n`));
  const aliases = hostAliases.map(({ ip, hostnames }) => `${ip}\t${hostnames.join('\t')}\n`);
  const more = aliases.length === 0 ? [] : ['\n# Entries added by HostAliases.\n', ...aliases];
  return [HEAD, ...own, ...more].join('');
}
