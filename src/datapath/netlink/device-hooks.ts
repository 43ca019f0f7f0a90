import { type Ifindex, ifindex } from '../../model/index.ts';
import { NetlinkSocket } from './netlink.ts';
import { linkHeader, parseAttributes, type Reply, RTM } from './netlink-message.ts';

/** What of older kinds than tcx is at a device. */
export type DeviceHooks = {
  readonly ifindex: Ifindex;
  readonly name: string;
  /** Kernel ids of XDP programs: of the driver, generic, and of the card. */
  readonly xdp: readonly number[];
  /** Filters at the qdiscs `clsact` and `ingress`: `bpf NAME`, `flower`, ... */
  readonly filters: readonly { readonly hook: 'ingress' | 'egress'; readonly text: string }[];
};

/** include/uapi/linux/{rtnetlink,if_link,pkt_sched,pkt_cls}.h */
const RTM_GETQDISC = 38;
const RTM_GETTFILTER = 46;
const IFLA = { name: 3, xdp: 43 } as const;
const IFLA_XDP_PROG_IDS = [4, 5, 6, 7];
const TCA = { kind: 1, options: 2 } as const;
const TCA_BPF_NAME = 7;
const TCM = { size: 20, ifindexAt: 4, parentAt: 12 } as const;
const PARENTS = { ingress: 0xffff_fff2, egress: 0xffff_fff3 } as const;

/** Of all devices of this network namespace. Throws E_DATAPATH_NETLINK. */
export async function listDeviceHooks(): Promise<DeviceHooks[]> {
  using socket = NetlinkSocket.open();
  const links = await socket.dump(RTM.getLink, linkHeader());
  const qdiscs = await socket.dump(RTM_GETQDISC, new Uint8Array(TCM.size));
  const filtered = new Map(qdiscs.flatMap((reply): [number, string][] => filterQdisc(reply)));
  const found: DeviceHooks[] = [];
  for (const { payload } of links) {
    const index = number(payload, 4);
    const attributes = parseAttributes(payload.subarray(16));
    const qdisc = filtered.get(index);
    found.push({
      ifindex: ifindex(index),
      name: text(attributes.get(IFLA.name)),
      xdp: xdpPrograms(attributes.get(IFLA.xdp)),
      filters: [
        ...(qdisc === undefined ? [] : await filtersOf(socket, index, 'ingress')),
        ...(qdisc === 'clsact' ? await filtersOf(socket, index, 'egress') : []),
      ],
    });
  }
  return found;
}

function filterQdisc({ payload }: Reply): [number, string][] {
  const kind = text(parseAttributes(payload.subarray(TCM.size)).get(TCA.kind));
  return kind === 'clsact' || kind === 'ingress' ? [[number(payload, TCM.ifindexAt), kind]] : [];
}

async function filtersOf(socket: NetlinkSocket, index: number, hook: 'ingress' | 'egress') {
  const request = new Uint8Array(TCM.size);
  const view = new DataView(request.buffer);
  view.setInt32(TCM.ifindexAt, index, true);
  view.setUint32(TCM.parentAt, PARENTS[hook], true);
  const replies = await socket.dump(RTM_GETTFILTER, request);
  const texts = replies.map(({ payload }) => {
    const attributes = parseAttributes(payload.subarray(TCM.size));
    const name = parseAttributes(attributes.get(TCA.options) ?? new Uint8Array()).get(TCA_BPF_NAME);
    const kind = text(attributes.get(TCA.kind));
    return kind === 'bpf' && name !== undefined ? `bpf ${text(name)}` : kind;
  });
  // The kernel tells a filter's chain and each of its rules: once is enough.
  return [...new Set(texts)].map((found) => ({ hook, text: found }));
}

function xdpPrograms(nested: Uint8Array | undefined): number[] {
  const attributes = parseAttributes(nested ?? new Uint8Array());
  const ids = IFLA_XDP_PROG_IDS.flatMap((type) => {
    const value = attributes.get(type);
    return value === undefined || value.length < 4 ? [] : [number(value, 0)];
  });
  return [...new Set(ids)];
}

function number(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(at, true);
}

function text(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? [])
    .toString()
    .replace(/\0.*$/s, '');
}
