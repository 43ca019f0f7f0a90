/** A folder with a surface. */
export type Room = {
  /** Rooms that it may import from, by path below src; what lies in the same room needs no word. */
  readonly sees: readonly string[];
  /** Said when it imports from another one. */
  readonly why?: string;
};

const WORDS = ['base', 'net', 'table', 'model'];
const DECISIONS = ['identity', 'policy', 'cluster', 'service', 'endpoint', 'tenant', 'reach'];
const ADAPTERS = ['kube', 'datapath', 'observe'];

/**
 * Who may know whom (docs/ARCHITECTURE.md): imports go downwards only, and from another room only its surface. A path
 * below a room is a room within it; it sees what is listed for itself, and outside its parent only those see it that list it.
 */
export const ROOMS: Readonly<Record<string, Room>> = {
  base: { sees: [], why: 'base knows nothing of the domain' },
  net: { sees: ['base'] },
  table: { sees: ['base', 'net'] },
  model: { sees: ['base', 'net'] },
  identity: { sees: WORDS },
  policy: { sees: [...WORDS, 'identity'] },
  'policy/kinds': { sees: ['base', 'net', 'model'], why: 'a kind says what a policy says, not what becomes of it' },
  'policy/compile': { sees: [...WORDS, 'identity'], why: 'tables follow from entries, whatever kind these are of' },
  'policy/ask': {
    sees: ['base', 'net', 'model'],
    why: 'compiled tables are held against the oracle, which shares nothing with them',
  },
  'policy/lint': {
    sees: ['base', 'net', 'model', 'policy/ask'],
    why: 'what is hardly meant follows from what is said',
  },
  'policy/draft': {
    sees: ['base', 'net', 'model', 'identity'],
    why: 'what would let something pass is an object, whatever becomes of it',
  },
  'policy/repository': { sees: [...WORDS, 'identity', 'policy/compile'] },
  cluster: { sees: [...WORDS, 'identity', 'policy'], why: 'who is where follows from what the cluster is meant to be' },
  service: { sees: WORDS },
  endpoint: { sees: WORDS },
  tenant: { sees: WORDS, why: 'who belongs to whom follows from Tenant objects alone' },
  reach: {
    sees: ['base', 'net', 'model', 'policy', 'tenant'],
    why: 'who reaches whom follows from what is said of it, whoever reads that and wherever',
  },
  kube: { sees: [...WORDS, ...DECISIONS] },
  'kube/access': { sees: ['base'], why: 'where an API server is and who we are to it says nothing of what is asked' },
  datapath: { sees: [...WORDS, ...DECISIONS] },
  'datapath/kernel': { sees: ['base', 'net', 'model'], why: 'system calls know no map and no program of ours' },
  'datapath/netlink': { sees: ['base', 'net', 'model', 'datapath/kernel'] },
  'datapath/maps': { sees: [...WORDS, ...DECISIONS, 'datapath/kernel'], why: 'maps know no program' },
  'datapath/programs': {
    sees: [...WORDS, ...DECISIONS, 'datapath/kernel', 'datapath/netlink', 'datapath/maps'],
  },
  observe: { sees: [...WORDS, ...DECISIONS] },
  'observe/sight': { sees: ['base', 'model'], why: 'what somebody may see follows from a flow and from his rights' },
  plane: {
    sees: [...WORDS, ...DECISIONS, 'datapath'],
    why: 'what decides knows maps, and neither the API nor who asks',
  },
  'plane/revisions': { sees: ['base'], why: 'how a set of rows comes and goes is the same whatever it says' },
  api: { sees: [...WORDS, ...DECISIONS, ...ADAPTERS] },
  cli: {
    sees: ['base', 'net', 'model', 'api'],
    why: 'the command line talks to the agent through the client of the API only',
  },
  'cli/output': { sees: ['base', 'net', 'model', 'api'] },
  agent: { sees: [...WORDS, ...DECISIONS, ...ADAPTERS, 'plane', 'api'] },
  'agent/node': {
    sees: [...WORDS, ...DECISIONS, 'datapath'],
    why: 'what a node is follows from nobody who works on it',
  },
  'agent/objects': {
    sees: [...WORDS, ...DECISIONS, 'kube', 'plane', 'agent/node'],
    why: 'objects are the same whatever this node makes of them',
  },
  'agent/tally': {
    sees: [...WORDS, ...DECISIONS, 'datapath', 'observe', 'plane', 'agent/node'],
    why: 'what is counted follows from what the datapath counts and tells',
  },
  'agent/flows': {
    sees: [...WORDS, ...DECISIONS, 'datapath', 'observe', 'plane', 'agent/node', 'agent/tally'],
    why: 'flows are told, and change nothing',
  },
  'agent/export': {
    sees: ['base', 'model', 'observe', 'api', 'agent/node'],
    why: 'flows are written as Hubble tells them, wherever they come from',
  },
  'agent/devices': { sees: [...WORDS, 'datapath', 'endpoint', 'agent/node'] },
  'agent/overlay': { sees: [...WORDS, ...DECISIONS, 'datapath', 'plane', 'agent/node', 'agent/devices'] },
  'agent/endpoints': { sees: [...WORDS, ...DECISIONS, 'datapath', 'plane', 'agent/node', 'agent/tally'] },
  'agent/services': { sees: [...WORDS, ...DECISIONS, 'datapath', 'plane', 'agent/node'] },
  'agent/upkeep': {
    sees: [
      ...WORDS,
      ...DECISIONS,
      'datapath',
      'plane',
      'agent/node',
      'agent/devices',
      'agent/endpoints',
      'agent/services',
    ],
  },
  'agent/doctor': {
    sees: [...WORDS, ...DECISIONS, 'datapath', 'plane', 'api', 'agent/node', 'agent/devices'],
    why: 'doctor looks for itself, whatever the agent believes',
  },
  'agent/proof': {
    sees: [...WORDS, ...DECISIONS, 'datapath', 'plane', 'api', 'agent/node'],
    why: 'a proof looks, and changes nothing',
  },
  'agent/admin': {
    sees: [
      ...WORDS,
      ...DECISIONS,
      'datapath',
      'observe',
      'plane',
      'api',
      'agent/node',
      'agent/objects',
      'agent/devices',
      'agent/endpoints',
      'agent/services',
      'agent/upkeep',
      'agent/doctor',
      'agent/proof',
    ],
    why: 'who tells how it is does not act',
  },
  'agent/boot': { sees: ['base', 'datapath', 'endpoint', 'api', 'agent/node', 'agent/endpoints', 'agent/doctor'] },
  operator: {
    sees: [...WORDS, 'identity', 'tenant', 'kube', 'api'],
    why: 'the operator knows the API and what follows from it; it runs on no node in particular',
  },
  relay: {
    sees: ['base', 'net', 'kube', 'api'],
    why: 'a relay knows nodes by what they tell, and asks the API server who asks it',
  },
  ui: {
    sees: ['base', 'net', 'model', 'kube', 'api'],
    why: 'the page knows agents by what they tell, and asks the API server who looks',
  },
  sandbox: {
    sees: [...WORDS, ...DECISIONS, ...ADAPTERS, 'api'],
    why: 'the sandbox starts the agent as a program and knows nothing of who uses it',
  },
  'sandbox/machine': {
    sees: ['base', 'datapath'],
    why: 'the machine is namespaces, cgroups, processes and their paths',
  },
  'sandbox/apiserver': { sees: ['base', 'net', 'model', 'policy'], why: 'the API server knows nobody who uses it' },
  'sandbox/client': { sees: ['base', 'sandbox/apiserver'] },
  'sandbox/controllers': {
    sees: ['base', 'sandbox/apiserver', 'sandbox/client'],
    why: 'controllers act on the API, and on nothing else',
  },
  'sandbox/kubelet': {
    sees: ['base', 'net', 'sandbox/apiserver', 'sandbox/client', 'sandbox/machine'],
    why: 'a kubelet knows its machine and the API',
  },
  'sandbox/cluster': {
    sees: [
      'base',
      'net',
      'model',
      'sandbox/apiserver',
      'sandbox/client',
      'sandbox/controllers',
      'sandbox/kubelet',
      'sandbox/machine',
    ],
  },
  'sandbox/dns': {
    sees: ['base', 'model', 'kube'],
    why: 'the DNS server is a program of a pod: it knows the API and nothing of the sandbox',
  },
  demonstration: {
    sees: [...WORDS, ...DECISIONS, ...ADAPTERS, 'api', 'cli/output', 'sandbox'],
    why: 'the demonstration sees the agent as everybody does: by its API',
  },
  'demonstration/frames': { sees: ['base', 'net', 'model'], why: 'frames are bytes' },
  'demonstration/tools': { sees: [...WORDS, 'datapath', 'sandbox'], why: 'tools know the sandbox only' },
  'demonstration/stage': {
    sees: [...WORDS, ...DECISIONS, ...ADAPTERS, 'api', 'sandbox', 'demonstration/frames', 'demonstration/tools'],
    why: 'the stage knows no act',
  },
  'demonstration/acts': {
    sees: [
      ...WORDS,
      'api',
      'datapath',
      'sandbox',
      'demonstration/frames',
      'demonstration/stage',
      'demonstration/tools',
    ],
  },
};

/**
 * What of a room others may import: its index, what is generated, what is made for tests, and apart from the index what loads a
 * package that not everybody needs (prom-client, pino, yaml, hono) or is there for who loads little (the API's client).
 */
export const SURFACE =
  /^(index|home|metrics|logging|yaml|configuration|program|manifest|client|server|testkit)\.ts$|^gen\//;

/** What of a room those within it may import. */
export const COMMON = /^(errors|settings)\.ts$|^gen\//;

/** Packages that one place knows. */
export const PACKAGES: Readonly<Record<string, { readonly only: string; readonly why: string }>> = {
  koffi: { only: 'datapath/kernel/libbpf.ts', why: 'all calls into C are in one file' },
};

/** The one file below the roots that reaches them, by lazy imports. */
export const DOORS: readonly string[] = ['cli/start.ts'];
