import { z } from 'zod';
import { type Addr, isAddr, parseAddr } from '../net/index.ts';
import type { CniFrame } from './cni-protocol.ts';
import { CNI_VERSIONS, type CniVersion, isCniVersion, LATEST_CNI_VERSION } from './cni-versions.ts';
import { endpointErrors } from './errors.ts';

/** Which attachment: the pair names it for the whole of its life. */
export type Attachment = { readonly containerId: string; readonly ifname: string };

/** The pod that a kubelet names in CNI_ARGS; `uid` tells a pod from a later one of the same name. */
export type PodRef = { readonly namespace: string; readonly name: string; readonly uid: string | undefined };

export type NetworkConfig = {
  readonly cniVersion: CniVersion;
  readonly name: string;
  readonly requestedIps: readonly Addr[];
  /** Address strings of `prevResult.ips`, without the prefix length. */
  readonly prevIps: readonly string[] | undefined;
  readonly validAttachments: readonly Attachment[] | undefined;
};

export type CniRequest =
  | {
      readonly command: 'ADD';
      readonly attachment: Attachment;
      readonly netns: string;
      readonly pod: PodRef;
      readonly config: NetworkConfig;
    }
  | { readonly command: 'DEL'; readonly attachment: Attachment; readonly config: NetworkConfig }
  | {
      readonly command: 'CHECK';
      readonly attachment: Attachment;
      readonly netns: string;
      readonly config: NetworkConfig;
    }
  | { readonly command: 'GC'; readonly config: NetworkConfig; readonly valid: readonly Attachment[] }
  | { readonly command: 'STATUS'; readonly config: NetworkConfig }
  | { readonly command: 'VERSION'; readonly cniVersion: string };

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,252}$/;
const DNS_SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const DNS_LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const UID = /^[a-zA-Z0-9-]{1,128}$/;

/** Runtimes are written in Go, where what is empty or absent may come as null. */
const absent = <T extends z.ZodType>(schema: T) => schema.nullish().transform((value) => value ?? undefined);

const attachmentSchema = z.object({ containerID: z.string().regex(NAME), ifname: z.string().min(1).max(15) });

/** Absent is an error of the runtime's, null is Go's empty list. */
const attachmentsSchema = z
  .array(attachmentSchema)
  .nullable()
  .transform((value) => value ?? [])
  .optional();

const configSchema = z.object({
  cniVersion: z.string(),
  name: z.string().regex(NAME),
  type: absent(z.string()),
  runtimeConfig: absent(z.object({ ips: absent(z.array(z.string()).max(16)) })),
  prevResult: absent(z.object({ ips: absent(z.array(z.object({ address: z.string() }))) })),
  'cni.dev/valid-attachments': attachmentsSchema,
  /** What libcni 1.2.0 calls them (containernetworking/cni#1101); later ones say both. */
  'cni.dev/attachments': attachmentsSchema,
});

function quoted(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}...` : text);
}

function badEnv(name: string, why: string): Error {
  return endpointErrors.make('E_CNI_ENV', { detail: `${name}: ${why}` });
}

function required(frame: CniFrame, name: string): string {
  const value = frame.env.get(name);
  if (value === undefined || value === '') throw badEnv(name, 'not set');
  return value;
}

function readContainerId(frame: CniFrame): string {
  const id = required(frame, 'CNI_CONTAINERID');
  if (!NAME.test(id)) throw badEnv('CNI_CONTAINERID', `${quoted(id)} is not letters, digits, "_", "." or "-"`);
  return id;
}

/** Linux (net/core/dev.c, dev_valid_name): at most 15 bytes, no "/", ":", blank; not "." or "..". */
function readIfname(frame: CniFrame): string {
  const name = required(frame, 'CNI_IFNAME');
  const why =
    Buffer.byteLength(name) > 15
      ? 'longer than 15 bytes'
      : name === '.' || name === '..' || !/^[\x21-\x7e]+$/.test(name) || /[/:]/.test(name)
        ? 'not an interface name'
        : undefined;
  if (why !== undefined) throw badEnv('CNI_IFNAME', `${quoted(name)} is ${why}`);
  return name;
}

function readNetns(frame: CniFrame): string {
  const path = required(frame, 'CNI_NETNS');
  const parts = path.split('/');
  const clean = path.startsWith('/') && parts.slice(1).every((p) => p !== '' && p !== '.' && p !== '..');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
  if (!clean || Buffer.byteLength(path) > 4095 || /[\x00-\x1f\x7f]/.test(path)) {
    throw badEnv('CNI_NETNS', `${quoted(path)} is not an absolute, normalised path`);
  }
  return path;
}

function readPod(frame: CniFrame): PodRef {
  const args = new Map<string, string>();
  for (const part of required(frame, 'CNI_ARGS').split(';')) {
    const at = part.indexOf('=');
    if (at > 0) args.set(part.slice(0, at), part.slice(at + 1));
  }
  const field = (key: string, pattern: RegExp, max: number): string => {
    const value = args.get(key) ?? '';
    if (value.length > max || !pattern.test(value)) throw badEnv('CNI_ARGS', `${key}=${quoted(value)} is not valid`);
    return value;
  };
  return {
    namespace: field('K8S_POD_NAMESPACE', DNS_LABEL, 63),
    name: field('K8S_POD_NAME', DNS_SUBDOMAIN, 253),
    // A client of the CRI that has made up a pod may know of none, and then says so with an empty one.
    uid: (args.get('K8S_POD_UID') ?? '') === '' ? undefined : field('K8S_POD_UID', UID, 128),
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw endpointErrors.make('E_CNI_DECODE', { detail: `standard input, ${text.length} characters`, cause });
  }
}

function readRequestedIp(text: string): Addr {
  const addr = text.split('/')[0] ?? '';
  if (!isAddr(addr)) {
    throw endpointErrors.make('E_CNI_CONFIG', { detail: `runtimeConfig.ips: ${quoted(text)} is not an IP address` });
  }
  return parseAddr(addr);
}

function readConfig(stdin: string): NetworkConfig {
  const parsed = configSchema.safeParse(parseJson(stdin));
  if (!parsed.success) {
    const detail = parsed.error.issues
      .map((issue) => `${issue.path.join('.') || '(top)'}: ${issue.message}`)
      .join('; ');
    throw endpointErrors.make('E_CNI_CONFIG', { detail });
  }
  const { cniVersion, name, runtimeConfig, prevResult } = parsed.data;
  const attachments = parsed.data['cni.dev/valid-attachments'] ?? parsed.data['cni.dev/attachments'];
  if (!isCniVersion(cniVersion)) {
    throw endpointErrors.make('E_CNI_VERSION', {
      detail: `${quoted(cniVersion)}, supported: ${CNI_VERSIONS.join(', ')}`,
    });
  }
  return {
    cniVersion,
    name,
    requestedIps: (runtimeConfig?.ips ?? []).map(readRequestedIp),
    prevIps: prevResult?.ips?.map((ip) => ip.address.split('/')[0] ?? ''),
    validAttachments: attachments?.map((a) => ({
      containerId: a.containerID,
      ifname: a.ifname,
    })),
  };
}

/** The version to answer in, whatever else is wrong with the request. */
export function answerVersion(frame: CniFrame): string {
  try {
    const version = (JSON.parse(frame.stdin) as { cniVersion?: unknown }).cniVersion;
    return typeof version === 'string' && isCniVersion(version) ? version : LATEST_CNI_VERSION;
  } catch {
    return LATEST_CNI_VERSION;
  }
}

function since(config: NetworkConfig, version: CniVersion, command: string): void {
  if (CNI_VERSIONS.indexOf(config.cniVersion) >= CNI_VERSIONS.indexOf(version)) return;
  throw endpointErrors.make('E_CNI_VERSION', {
    detail: `${command} exists since ${version}, asked for ${config.cniVersion}`,
  });
}

/** Parses once, at the edge; what comes out can be trusted. E_CNI_ENV, E_CNI_DECODE, E_CNI_CONFIG, E_CNI_VERSION. */
export function parseCniRequest(frame: CniFrame): CniRequest {
  const command = required(frame, 'CNI_COMMAND');
  switch (command) {
    case 'VERSION':
      return { command, cniVersion: answerVersion(frame) };
    case 'ADD': {
      const attachment = { containerId: readContainerId(frame), ifname: readIfname(frame) };
      return { command, attachment, netns: readNetns(frame), pod: readPod(frame), config: readConfig(frame.stdin) };
    }
    case 'DEL': {
      const attachment = { containerId: readContainerId(frame), ifname: readIfname(frame) };
      return { command, attachment, config: readConfig(frame.stdin) };
    }
    case 'CHECK': {
      const attachment = { containerId: readContainerId(frame), ifname: readIfname(frame) };
      return { command, attachment, netns: readNetns(frame), config: readConfig(frame.stdin) };
    }
    case 'GC': {
      const config = readConfig(frame.stdin);
      since(config, '1.1.0', command);
      if (config.validAttachments === undefined) {
        throw endpointErrors.make('E_CNI_CONFIG', { detail: 'cni.dev/valid-attachments: missing' });
      }
      return { command, config, valid: config.validAttachments };
    }
    case 'STATUS': {
      const config = readConfig(frame.stdin);
      since(config, '1.1.0', command);
      return { command, config };
    }
    default:
      throw badEnv('CNI_COMMAND', `${quoted(command)} is not ADD, DEL, CHECK, GC, STATUS or VERSION`);
  }
}
