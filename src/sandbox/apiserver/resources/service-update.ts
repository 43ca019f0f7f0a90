import { equal, isObject, type Json, listAt, numberAt, objectAt, stringAt } from '../json.ts';
import type { KubeObject } from '../object.ts';
import { alignClusterIps } from '../validate/cluster-ips.ts';

const hasClusterIp = (type: string): boolean => type !== 'ExternalName';
const hasNodePorts = (type: string): boolean => type === 'NodePort' || type === 'LoadBalancer';
const hasHealthPort = (spec: Json | undefined): boolean =>
  stringAt(spec, 'type') === 'LoadBalancer' && stringAt(spec, 'externalTrafficPolicy') === 'Local';

/**
 * What a change of the type makes meaningless goes, unless the client changed it in the same breath: then it is a
 * mistake to be told (`dropTypeDependentFields`).
 */
export function dropTypeDependentFields(next: KubeObject, old: KubeObject): void {
  const spec = objectAt(next, 'spec');
  if (spec === undefined) return;
  const [type, oldType] = [stringAt(spec, 'type') ?? 'ClusterIP', stringAt(old, 'spec', 'type') ?? 'ClusterIP'];
  const drop = (...keys: string[]): void => {
    for (const key of keys) if (equal(spec[key], objectAt(old, 'spec')?.[key])) delete spec[key];
  };
  alignClusterIps(spec, objectAt(old, 'spec'));
  if (hasClusterIp(oldType) && !hasClusterIp(type)) {
    drop('clusterIPs', 'clusterIP', 'ipFamilies', 'ipFamilyPolicy', 'internalTrafficPolicy');
  }
  if (hasNodePorts(oldType) && !hasNodePorts(type)) {
    if (sameNodePorts(listAt(spec, 'ports'), listAt(old, 'spec', 'ports'))) {
      for (const port of listAt(spec, 'ports')) if (isObject(port)) delete port['nodePort'];
    }
    drop('externalTrafficPolicy');
  }
  if (oldType === 'LoadBalancer' && type !== 'LoadBalancer') {
    drop('allocateLoadBalancerNodePorts', 'loadBalancerClass');
  }
  if (hasHealthPort(objectAt(old, 'spec')) && !hasHealthPort(spec)) drop('healthCheckNodePort');
}

/** Nothing that the new ones have is other than before. */
function sameNodePorts(next: readonly Json[], old: readonly Json[]): boolean {
  const before = new Set(old.map((port) => numberAt(port, 'nodePort') ?? 0));
  return next.every((port) => {
    const number = numberAt(port, 'nodePort') ?? 0;
    return number === 0 || before.has(number);
  });
}
