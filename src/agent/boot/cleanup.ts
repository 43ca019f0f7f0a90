import { existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { NativeRoutes, Netdev, OverlayNetdev, removePins } from '../../datapath/index.ts';
import { endpointOfIfname } from '../../endpoint/index.ts';
import { deferredFolder, removePodPins } from '../endpoints/index.ts';
import { type AgentConfig, OVERLAY_DEVICE, releaseMasqueradePorts, takeLock } from '../node/index.ts';
import { removeCni } from './cni-files.ts';
import { pinsBelow } from './preflight.ts';

/**
 * Removes everything that an agent made on this node, and gives what there was, a line each: none when there was nothing.
 * First what a runtime would start pods with; pods that still run lose their network. E_AGENT_RUNNING while an agent
 * serves the node.
 */
export async function cleanup(config: AgentConfig): Promise<string[]> {
  const { stateDir, pinDir, cniSocket, adminSocket, hubbleSocket } = config;
  const removed: string[] = [];
  const hadState = existsSync(stateDir);
  const lock = takeLock(stateDir);
  try {
    removed.push(...removeCni({ binDir: config.cniBinDir, confDir: config.cniConfDir }));
    const devices = await removeDevices(pinDir);
    if (devices > 0) removed.push(`${devices} devices of pods`);
    if (await removeOverlay()) removed.push(`the device ${OVERLAY_DEVICE}`);
    const routes = await removeRoutes();
    if (routes > 0) removed.push(`${routes} routes to pods of other nodes`);
    const pins = pinsBelow(pinDir).size;
    removePins(pinDir);
    if (pins > 0) removed.push(`${pins} pinned maps, programs and links below ${pinDir}`);
    for (const path of [cniSocket, adminSocket, hubbleSocket, deferredFolder(cniSocket)])
      if (remove(path)) removed.push(path);
    if (releaseMasqueradePorts()) removed.push('the reservation of masquerade ports');
  } finally {
    lock.release();
  }
  rmSync(stateDir, { recursive: true, force: true });
  if (hadState) removed.push(stateDir);
  for (const folder of [pinDir, stateDir, cniSocket].map((path) => dirname(path))) removeEmpty(folder);
  return removed;
}

async function removeDevices(pinDir: string): Promise<number> {
  using netdev = Netdev.open();
  let devices = 0;
  for (const { name } of await netdev.listLinks('mbr')) {
    const id = endpointOfIfname(name);
    if (id === undefined) continue;
    await netdev.deleteLink(name);
    // One by one: a thousand programs freed at once can lock up the kernel's loader of programs (seen on 6.18).
    removePodPins(pinDir, id);
    devices += 1;
  }
  return devices;
}

async function removeOverlay(): Promise<boolean> {
  using netdev = new OverlayNetdev();
  return await netdev.remove(OVERLAY_DEVICE);
}

async function removeRoutes(): Promise<number> {
  using routes = new NativeRoutes();
  return await routes.remove();
}

function remove(path: string): boolean {
  const isThere = existsSync(path);
  rmSync(path, { recursive: true, force: true });
  return isThere;
}

/** Of our own name only: another node's agent may keep its things there, too. */
function removeEmpty(folder: string): void {
  if (!folder.endsWith('/membrane') || !existsSync(folder) || readdirSync(folder).length > 0) return;
  try {
    rmdirSync(folder);
  } catch (error) {
    // In a container it is the node's, mounted: an empty one stays.
    if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error;
  }
}
