import type { Family } from '../row.ts';
import { CLUSTER_IP_ROWS, COUNTS, clusterIp } from './cluster-ip.ts';
import { CONNECT_ROW, connectHook } from './connect-hook.ts';
import { agentMemory, serviceLoad, serviceUpdate } from './many-at-work.ts';
import { NODE_PORT_ROWS, nodePort } from './node-port.ts';
import { ServiceNode } from './service-node.ts';

const ALL = Math.max(...COUNTS);
const MEMORY_ROW = `agent.rss@${ALL}`;
const AT_ALL = [CONNECT_ROW, 'service.update', 'service.load', MEMORY_ROW];

/** Services on a sandbox's node with a real agent, in the order in which their number grows. */
export const services: Family = {
  name: 'services',
  rows: [...NODE_PORT_ROWS, ...CLUSTER_IP_ROWS, ...AT_ALL],
  run: async (report, wanted) => {
    await using node = await ServiceNode.up();
    await nodePort(node, report, wanted);
    for (const count of COUNTS) await clusterIp(node, count, report, wanted);
    if (!AT_ALL.some(wanted)) return;
    await node.fill(ALL);
    if (wanted(CONNECT_ROW)) await connectHook(node, report, ALL);
    if (wanted('service.update')) await serviceUpdate(node, report, ALL);
    if (wanted('service.load')) await serviceLoad(node, report, ALL);
    if (wanted(MEMORY_ROW)) await agentMemory(node, report, ALL);
  },
};
