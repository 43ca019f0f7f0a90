import { join } from 'node:path';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { type ApiClient, apiClient } from '../../../src/api/index.ts';
import type { MapName } from '../../../src/datapath/index.ts';
import { mapPin } from '../../../src/datapath/maps/map-set.ts';
import { SandboxCluster } from '../../../src/sandbox/cluster/cluster.ts';
import type { SandboxOptions } from '../../../src/sandbox/cluster/sandbox-options.ts';
import { attempt } from '../../../src/sandbox/machine/command.ts';
import type { NodePlace } from '../../../src/sandbox/machine/node-place.ts';
import { worldArgv } from '../../../src/sandbox/machine/topology.ts';
import { waitForMachine } from '../../../src/sandbox/testkit.ts';
import { eventually } from './eventually.ts';
import { type Place, Scene, type SceneCommand, type SceneGround } from './scene.ts';

const NODE = 'node-1';

/** A sandbox for all tests of a file; each test gets a scene of its own. */
export class ServiceLab implements SceneGround {
  readonly cluster = new SandboxCluster();
  readonly scenes: Scene[] = [];
  #serial = 0;

  get node(): NodePlace {
    return this.cluster.node(NODE);
  }

  get api(): ApiClient {
    return apiClient({ socketPath: join(this.node.agentDir, 'admin.sock') });
  }

  async agentReady(): Promise<void> {
    const isReady = () =>
      this.api.status().then(
        ({ ready }) => ready,
        () => false,
      );
    await eventually('the agent is ready', isReady);
  }

  /** A namespace with nothing in it. */
  async scene(): Promise<Scene> {
    this.#serial += 1;
    const scene = new Scene(this, `scene-${this.#serial}`);
    await scene.apply('v1', 'Namespace', {}, { name: scene.namespace, namespace: undefined });
    this.scenes.push(scene);
    return scene;
  }

  /** What runs `argv` with the privileges and in the cgroup of that place. */
  async command(place: Place, namespace: string, argv: readonly string[]): Promise<SceneCommand> {
    if (place === 'world') return { argv: worldArgv(argv), env: process.env };
    if (place === 'node') return { argv: await this.cluster.nodeCommand(NODE, argv), env: process.env };
    return await this.cluster.podCommand(namespace, place, argv);
  }

  /** Rows of a map as the kernel has them, whatever the agent says. */
  async mapRows(name: MapName): Promise<number> {
    const pin = mapPin(join(this.node.pinDir, 'maps'), name);
    const { stdout } = await attempt(['bpftool', '-j', 'map', 'dump', 'pinned', pin]);
    const rows: unknown = JSON.parse(stdout);
    if (!Array.isArray(rows)) throw new Error(`the map ${name} cannot be read: ${stdout.slice(0, 200)}`);
    return rows.length;
  }
}

/** One sandbox for all tests of a file. */
export function useLab({ dns = false, ...options }: Pick<SandboxOptions, 'agentConfig' | 'dns'> = {}): ServiceLab {
  const lab = new ServiceLab();
  let isUp = false;
  beforeAll(async () => {
    await waitForMachine();
    await lab.cluster.up({ ...options, dns });
    isUp = true;
    await lab.agentReady();
  });
  afterEach(async () => {
    await Promise.all(lab.scenes.splice(0).map((scene) => scene.close()));
  });
  afterAll(async () => {
    if (isUp) await lab.cluster.down();
  });
  return lab;
}
