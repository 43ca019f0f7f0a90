import type { ObjectRow } from './object-row.ts';
import type { ServiceProtocol } from './service.ts';
import type { NamedPort } from './workload.ts';

/** A port of a container that the node has, too. */
export type HostPort = {
  /** As the object says it; empty, `0.0.0.0` or `::`: every address of the node. */
  readonly hostIP: string;
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: ServiceProtocol;
};

export type PodRow = ObjectRow & {
  readonly labels: Readonly<Record<string, string>>;
  /** `default` when the object does not say. */
  readonly serviceAccount: string;
  /** Empty: not scheduled. */
  readonly nodeName: string;
  readonly hostNetwork: boolean;
  /** A container of it has every power over the node. */
  readonly privileged: boolean;
  /** A container of it may send and receive raw packets: the default of container runtimes. */
  readonly netRaw: boolean;
  /** As the status says; IPv4 and IPv6, the primary one first. */
  readonly podIPs: readonly string[];
  readonly hostIP: string;
  readonly namedPorts: readonly NamedPort[];
  /** Ports of the node that it wants; none of a pod in the host network. */
  readonly hostPorts: readonly HostPort[];
  /** RFC 3339, of a pod that wants ports of the node; empty: not said. */
  readonly createdAt: string;
  /** `Pending`, `Running`, `Succeeded`, `Failed`, `Unknown`; empty: not said. The address of a finished pod is free. */
  readonly phase: string;
  readonly deletionTimestamp?: string;
  /** Of the mirror of a static pod: the uid that its kubelet and runtime know it by. */
  readonly mirrorOf?: string;
};
