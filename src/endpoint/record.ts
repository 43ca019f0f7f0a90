import { z } from 'zod';
import { type EndpointId, endpointId, type Ifindex, ifindex } from '../model/index.ts';
import { type Addr, type Mac, macOfAddr, parseAddr, parseMac } from '../net/index.ts';
import type { Attachment, PodRef } from './cni-request.ts';
import { LAST_ENDPOINT_ID } from './endpoint-ids.ts';

/**
 * What of an endpoint must outlive the agent; one file each. Identity and policy are not in it: the word in the kernel
 * states them, and the API is asked again.
 */
export type EndpointRecord = {
  readonly id: EndpointId;
  readonly attachment: Attachment;
  readonly pod: PodRef;
  readonly netns: string;
  readonly addr: Addr;
  readonly mac: Mac;
  readonly hostIfname: string;
  /** Of the host side; 0 until the device exists. */
  readonly hostIfindex: Ifindex;
  readonly mtu: number;
  /** `complete` is written last: a record without it is of an ADD that never returned. */
  readonly phase: 'creating' | 'complete' | 'disconnecting';
  /** ms since the epoch. */
  readonly createdAt: number;
};

/**
 * Raised only when an older agent must not serve what a newer one wrote. Fields that are added need no new version: who
 * does not know them passes them over, and who misses them takes a default.
 */
const RECORD_VERSION = 1;

const schema = z.object({
  version: z.literal(RECORD_VERSION),
  id: z.int().min(1).max(LAST_ENDPOINT_ID),
  containerId: z.string(),
  ifname: z.string(),
  namespace: z.string(),
  name: z.string(),
  uid: z.string().optional(),
  netns: z.string(),
  addr: z.string(),
  mac: z.string(),
  hostIfname: z.string(),
  hostIfindex: z.int().min(0),
  mtu: z.int().min(0),
  phase: z.enum(['creating', 'complete', 'disconnecting']),
  createdAt: z.number(),
});

export function encodeRecord(record: EndpointRecord): string {
  const { attachment, pod, ...rest } = record;
  const flat: z.input<typeof schema> = {
    version: RECORD_VERSION,
    ...rest,
    ...attachment,
    namespace: pod.namespace,
    name: pod.name,
    ...(pod.uid === undefined ? {} : { uid: pod.uid }),
  };
  return `${JSON.stringify(flat)}\n`;
}

/** Throws for a file that is torn, foreign or of another version. */
export function decodeRecord(text: string): EndpointRecord {
  const { version: _, containerId, ifname, namespace, name, uid, ...rest } = schema.parse(JSON.parse(text));
  return {
    ...rest,
    id: endpointId(rest.id),
    attachment: { containerId, ifname },
    pod: { namespace, name, uid },
    addr: parseAddr(rest.addr),
    mac: parseMac(rest.mac),
    hostIfindex: ifindex(rest.hostIfindex),
  };
}

/** `mbr` and the id in four hexadecimal digits. */
export function hostIfnameOf(id: EndpointId): string {
  return `mbr${id.toString(16).padStart(4, '0')}`;
}

/** The id in a name that `hostIfnameOf` made; undefined for any other device. */
export function endpointOfIfname(name: string): EndpointId | undefined {
  const match = /^mbr([0-9a-f]{4})$/.exec(name);
  const id = Number.parseInt(match?.[1] ?? '0', 16);
  return id === 0 ? undefined : endpointId(id);
}

export function podMacOf(addr: Addr): Mac {
  return macOfAddr(addr);
}

/** Key of an attachment in maps. */
export function attachmentKey(attachment: Attachment): string {
  return `${attachment.containerId}/${attachment.ifname}`;
}
