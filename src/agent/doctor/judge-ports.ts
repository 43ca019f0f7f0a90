import type { Finding } from '../../api/index.ts';
import { isReserved, MASQUERADE_PORTS, type Ports, reservedPorts, UNRESERVED_PORTS } from '../node/index.ts';
import { fine } from './finding.ts';

const REMEDY =
  'Let the agent write net.ipv4.ip_local_reserved_ports, or set it to 36864-65535 beside what it has, and restart the agent.';

/** Do the node's own sockets keep off the ports that pods leave it with? `inForce`: those; undefined: none do. */
export function judgePorts(inForce: Ports | undefined, reserved = reservedPorts()): Finding[] {
  const check = 'masquerade ports';
  if (inForce === undefined) return [fine(check, 'nothing is masqueraded')];
  const text = `${inForce.min}-${inForce.max}`;
  if (inForce.min === UNRESERVED_PORTS.min) {
    const evidence = `only ${text} towards each remote end, for all pods together: the rest could not be reserved`;
    return [{ severity: 'warning', check, evidence, remedy: REMEDY }];
  }
  if (isReserved(reserved ?? [], MASQUERADE_PORTS)) return [fine(check, `${text} are reserved`)];
  const evidence = `${text} are in use for pods and no longer reserved: connections of the node itself may get one and fail`;
  return [{ severity: 'warning', check, evidence, remedy: REMEDY }];
}
