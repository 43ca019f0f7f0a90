import { mkdir, readFile } from 'node:fs/promises';
import { silentLogger } from '../../base/index.ts';
import { type Certificate, makeCertificate } from '../apiserver/index.ts';
import { buildTopology, Cgroup, mountBpf, type NodePlace, processRecords, STATE_DIR, sweep } from '../machine/index.ts';
import { apiNames } from './api-access.ts';

/** What a cluster stands on. */
export type Ground = {
  /** The API server's. */
  readonly certificate: Certificate;
  /** Above the nodes' own. */
  readonly cgroup: Cgroup;
};

/** Empties the state folder, and whatever an earlier sandbox left. The caller holds the machine's lock. */
export async function clearGround(): Promise<void> {
  await sweep(silentLogger);
  await mkdir(STATE_DIR, { mode: 0o700 });
  processRecords().write('sandbox', process.pid);
}

/** Makes the network of these nodes; the ground is clear. */
export async function layGround(nodes: readonly NodePlace[]): Promise<Ground> {
  const [certificate] = await Promise.all([
    makeCertificate(apiNames()),
    mountBpf(await readFile('/proc/mounts', 'utf8')).then(() => buildTopology(nodes)),
  ]);
  return { certificate, cgroup: Cgroup.root().create() };
}
