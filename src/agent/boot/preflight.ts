import { existsSync, readdirSync, rmdirSync, rmSync, statfsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { metricsServer } from '../../api/index.ts';
import { errorMessage } from '../../base/index.ts';
import { createRegistry } from '../../base/metrics.ts';
import { Netdev } from '../../datapath/index.ts';
import { agentErrors } from '../errors.ts';
import { type AgentConfig, makeDirectory } from '../node/index.ts';

/** statfs(2) of a cgroup v2. */
const CGROUP2_MAGIC = 0x63677270;
/** sizeof(sun_path) less its NUL (unix(7)). */
const SOCKET_PATH_MAX = 107;

/**
 * What can be wrong with a configuration beyond its own words, looked at before anything is attached: an agent that ends
 * must leave the node as it was. E_AGENT_SOCKET, E_AGENT_CGROUP, E_AGENT_DEVICES, E_API_METRICS_*.
 */
export async function preflight(config: AgentConfig): Promise<void> {
  const { cniSocket, adminSocket, hubbleSocket } = config;
  const sockets = { cniSocket, adminSocket, hubbleSocket };
  for (const [name, path] of Object.entries(sockets)) {
    const other = Object.entries(sockets).find(([key, value]) => key !== name && value === path);
    if (other !== undefined)
      throw agentErrors.make('E_AGENT_SOCKET', { detail: `${name} and ${other[0]} are both ${path}` });
    requireSocketPath(path);
  }
  if (config.enableServices && config.cgroup !== undefined) requireCgroup(config.cgroup);
  await requireDevices(config.devices ?? []);
  if (!config.metrics.enabled) return;
  const probe = metricsServer(createRegistry(), config.metrics);
  await probe.start();
  await probe.stop();
}

function requireSocketPath(path: string): void {
  const refuse = (detail: string): Error => agentErrors.make('E_AGENT_SOCKET', { detail: `${path} ${detail}` });
  if (Buffer.byteLength(path) > SOCKET_PATH_MAX) throw refuse(`is longer than ${SOCKET_PATH_MAX} bytes`);
  try {
    makeDirectory(dirname(path));
    const found = statSync(path, { throwIfNoEntry: false });
    if (found === undefined || found.isSocket()) return;
  } catch (error) {
    throw refuse(`cannot be made: ${errorMessage(error)}`);
  }
  throw refuse('is there and no socket');
}

/** One that is not there yet is steered once it is, if it can ever be one. */
function requireCgroup(path: string): void {
  const refuse = (detail: string): Error => agentErrors.make('E_AGENT_CGROUP', { detail });
  let there = path;
  while (!existsSync(there)) there = dirname(there);
  if (statfsSync(there).type !== CGROUP2_MAGIC) throw refuse(`${there} is not of a cgroup v2`);
  if (!statSync(there).isDirectory()) throw refuse(`${there} is not a directory`);
}

/** A name that no device has guards nothing, and nobody would know. */
async function requireDevices(names: readonly string[]): Promise<void> {
  using netdev = Netdev.open();
  for (const name of names) {
    if ((await netdev.findLink(name)) !== undefined) continue;
    throw agentErrors.make('E_AGENT_DEVICES', { detail: `there is no device ${name}` });
  }
}

/** Every pin below the node's directory. */
export function pinsBelow(pinDir: string): Set<string> {
  try {
    const entries = readdirSync(pinDir, { recursive: true, withFileTypes: true });
    return new Set(entries.filter((entry) => !entry.isDirectory()).map((e) => join(e.parentPath, e.name)));
  } catch {
    return new Set();
  }
}

/**
 * Undoes what a start that failed has pinned: with a link's pin goes what it attached. Not maps that programs have begun to
 * go over to.
 */
export function removeNewPins(pinDir: string, before: ReadonlySet<string>): void {
  for (const pin of pinsBelow(pinDir)) {
    if (!before.has(pin) && !pin.startsWith(`${pinDir}/maps_next/`)) rmSync(pin, { force: true });
  }
  removeEmpty(pinDir);
}

function removeEmpty(directory: string): void {
  try {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      if (entry.isDirectory()) removeEmpty(join(directory, entry.name));
    }
    rmdirSync(directory);
  } catch {
    // Not empty, or never made.
  }
}
