import { rmSync } from 'node:fs';
import { Netdev, removePins } from '../../datapath/index.ts';
import { endpointOfIfname } from '../../endpoint/index.ts';
import { deferredFolder, removePodPins } from '../endpoints/index.ts';
import { type AgentConfig, takeLock } from '../node/index.ts';

/**
 * Removes everything that an agent made on this node: pods' devices, programs, maps, state. Pods that still run lose
 * their network. E_AGENT_RUNNING while an agent serves the node.
 */
export async function cleanup(config: AgentConfig): Promise<{ readonly devices: number }> {
  const lock = takeLock(config.stateDir);
  using netdev = Netdev.open();
  let devices = 0;
  for (const { name } of await netdev.listLinks('mbr')) {
    const id = endpointOfIfname(name);
    if (id === undefined) continue;
    await netdev.deleteLink(name);
    // One by one: a thousand programs freed at once can lock up the kernel's loader of programs (seen on 6.18).
    removePodPins(config.pinDir, id);
    devices += 1;
  }
  removePins(config.pinDir);
  for (const socket of [config.cniSocket, config.adminSocket]) rmSync(socket, { force: true });
  rmSync(deferredFolder(config.cniSocket), { recursive: true, force: true });
  lock.release();
  rmSync(config.stateDir, { recursive: true, force: true });
  return { devices };
}
