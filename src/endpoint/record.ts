import { z } from 'zod';
import { errorMessage, isMembraneError, type MembraneError } from '../base/index.ts';
import { type EndpointId, endpointId, type Ifindex, ifindex } from '../model/index.ts';
import { type Addr, type Mac, macOfAddr, parseAddr, parseMac } from '../net/index.ts';
import type { Attachment, PodRef } from './cni-request.ts';
import { LAST_ENDPOINT_ID } from './endpoint-ids.ts';
import { endpointErrors } from './errors.ts';

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
  /** Fields of a later version, kept for whoever knows them. */
  readonly later?: Readonly<Record<string, unknown>>;
};

/**
 * Raised only when an older agent must not serve what a newer one wrote. Fields that are added need no new version: who
 * does not know them passes them over and keeps them, and who misses them takes a default.
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
  const { attachment, pod, later, ...rest } = record;
  const flat: z.input<typeof schema> = {
    version: RECORD_VERSION,
    ...rest,
    ...attachment,
    namespace: pod.namespace,
    name: pod.name,
    ...(pod.uid === undefined ? {} : { uid: pod.uid }),
  };
  return `${JSON.stringify({ ...later, ...flat })}\n`;
}

const KNOWN = new Set(Object.keys(schema.shape));

/** Throws E_ENDPOINT_RECORD_VERSION, and E_ENDPOINT_RECORD for a file that is torn or foreign. */
export function decodeRecord(text: string): EndpointRecord {
  try {
    const fields = z.record(z.string(), z.unknown()).parse(JSON.parse(text));
    if ('version' in fields && fields.version !== RECORD_VERSION) throw otherVersion(fields.version);
    const isKnown = ([name]: [string, unknown]): boolean => KNOWN.has(name);
    const later = Object.entries(fields).filter((field) => !isKnown(field));
    const own = schema.parse(Object.fromEntries(Object.entries(fields).filter(isKnown)));
    const { version: _, containerId, ifname, namespace, name, uid, ...rest } = own;
    return {
      ...rest,
      id: endpointId(rest.id),
      attachment: { containerId, ifname },
      pod: { namespace, name, uid },
      addr: parseAddr(rest.addr),
      mac: parseMac(rest.mac),
      hostIfindex: ifindex(rest.hostIfindex),
      ...(later.length === 0 ? {} : { later: Object.fromEntries(later) }),
    };
  } catch (cause) {
    if (isMembraneError(cause, 'E_ENDPOINT_RECORD_VERSION')) throw cause;
    const detail = cause instanceof z.ZodError ? z.prettifyError(cause) : errorMessage(cause);
    throw endpointErrors.make('E_ENDPOINT_RECORD', { detail });
  }
}

function otherVersion(version: unknown): MembraneError {
  const detail = `it is of version ${String(version)}, this agent reads version ${RECORD_VERSION}; one that reads it serves the pod again`;
  return endpointErrors.make('E_ENDPOINT_RECORD_VERSION', { detail });
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
