/** What a container gets by default (the set of containerd and CRI-O's older default). */
export const DEFAULT_CAPABILITIES = [
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_BIND_SERVICE',
  'NET_RAW',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
] as const;

/** The rest of Linux's (capabilities(7)). */
const OTHER_CAPABILITIES =
  'AUDIT_CONTROL AUDIT_READ BLOCK_SUSPEND BPF CHECKPOINT_RESTORE DAC_READ_SEARCH IPC_LOCK IPC_OWNER LEASE LINUX_IMMUTABLE ' +
  'MAC_ADMIN MAC_OVERRIDE NET_ADMIN NET_BROADCAST PERFMON SYSLOG SYS_ADMIN SYS_BOOT SYS_MODULE SYS_NICE SYS_PACCT ' +
  'SYS_PTRACE SYS_RAWIO SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG WAKE_ALARM';

/** What is not in here never reaches a command line. */
const KNOWN = new Set<string>([...DEFAULT_CAPABILITIES, ...OTHER_CAPABILITIES.split(' ')]);

export type CapabilityRequest = {
  readonly privileged?: boolean;
  readonly add?: readonly string[];
  readonly drop?: readonly string[];
};

export type Capabilities =
  | { readonly kind: 'all' }
  /** Sorted, without the prefix CAP_. */
  | { readonly kind: 'only'; readonly names: readonly string[] }
  | { readonly kind: 'unknown'; readonly name: string };

function plain(name: string): string {
  return name.toUpperCase().replace(/^CAP_/, '');
}

/** `drop` before `add`, `ALL` understood in both, as container runtimes do it. */
export function containerCapabilities(request: CapabilityRequest): Capabilities {
  if (request.privileged === true) return { kind: 'all' };
  const add = (request.add ?? []).map(plain);
  const drop = (request.drop ?? []).map(plain);
  const unknown = [...add, ...drop].find((name) => name !== 'ALL' && !KNOWN.has(name));
  if (unknown !== undefined) return { kind: 'unknown', name: unknown };
  const dropped = new Set(drop);
  // Adding ALL still honours single drops; dropping ALL still honours single adds.
  const start = add.includes('ALL') ? [...KNOWN] : dropped.has('ALL') ? [] : [...DEFAULT_CAPABILITIES];
  const names = new Set<string>(start.filter((name) => !dropped.has(name)));
  for (const name of add) if (name !== 'ALL') names.add(name);
  return { kind: 'only', names: [...names].toSorted() };
}

/** setpriv(1) options that leave exactly these; the bounding set is what root keeps across exec. */
export function setprivArgs(capabilities: Exclude<Capabilities, { kind: 'unknown' }>): string[] {
  if (capabilities.kind === 'all') return [];
  const list = ['-all', ...capabilities.names.map((name) => `+${name.toLowerCase()}`)].join(',');
  return [`--bounding-set=${list}`, '--inh-caps=-all', '--ambient-caps=-all'];
}
