import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { type AttackOptions, selectAttacks } from '../../../src/demonstration/catalogue.ts';
import { linesOf } from '../../../src/demonstration/run.ts';
import type { AttackLine } from '../../../src/demonstration/stage/line.ts';
import { Stage } from '../../../src/demonstration/stage/stage.ts';
import { SandboxCluster } from '../../../src/sandbox/cluster/cluster.ts';
import type { SandboxOptions } from '../../../src/sandbox/cluster/sandbox-options.ts';

const EXAMPLE = join(import.meta.dirname, '../../../examples/two-tenants');

export type Lab = {
  readonly stage: Stage;
  readonly cluster: SandboxCluster;
  /** The lines of one attack of the demonstration. */
  readonly lines: (name: string, options?: AttackOptions) => Promise<AttackLine[]>;
};

/** One sandbox with the tenants of the example for all tests of a file. */
export function useSandbox(options: Pick<SandboxOptions, 'agentConfig' | 'nodes'> = {}): Lab {
  const cluster = new SandboxCluster();
  const stage = new Stage({ sandbox: cluster });
  let isUp = false;
  beforeAll(async () => {
    const manifests = readdirSync(EXAMPLE).map((name) => join(EXAMPLE, name));
    await cluster.up({ manifests, dns: false, ...options });
    isUp = true;
    await cluster.waitReady();
    await stage.start();
    await stage.agentReady();
  });
  afterAll(async () => {
    // Another sandbox on this machine is not ours to end.
    if (!isUp) return;
    await stage.close();
    await cluster.down();
  });
  return {
    stage,
    cluster,
    lines: async (name, attackOptions = {}) => {
      const [attack] = selectAttacks([name]);
      if (attack === undefined) throw new TypeError(`no attack ${name}`);
      return await collect(linesOf(stage, attack, attackOptions));
    },
  };
}

export async function collect(lines: AsyncIterable<AttackLine>): Promise<AttackLine[]> {
  const all: AttackLine[] = [];
  for await (const line of lines) all.push(line);
  return all;
}

/** What is shown of lines that should have held. */
export function broken(lines: readonly AttackLine[]): string[] {
  return lines.filter((line) => !line.held).map((line) => `${line.id}: ${line.seen} (${line.decidedBy})`);
}
