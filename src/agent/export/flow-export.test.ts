import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openFlowLines } from '../../api/server.ts';
import { Lifecycle, silentLogger, systemClock } from '../../base/index.ts';
import { createRegistry } from '../../base/metrics.ts';
import { TestHub } from '../../observe/testkit.ts';
import { parseConfig } from '../node/config.ts';
import { FlowExport } from './flow-export.ts';
import { openExport } from './open-export.ts';

const NONE = { allow: [], deny: [], fieldMask: [] };
const DROPPED = { type: 'drop', reason: 'policy-ingress', rule: [0, 0] } as const;

let folder: string;
let path: string;
let hub: TestHub;
let lifecycle: Lifecycle;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'membrane-export-'));
  path = join(folder, 'flows.jsonl');
  hub = new TestHub({ readerQueue: 8, names: { rule: () => 'NetworkPolicy a/p, ingress rule 0' } });
  lifecycle = new Lifecycle({ log: silentLogger });
});
afterEach(async () => {
  await lifecycle.stop();
  rmSync(folder, { recursive: true, force: true });
});

type Line = {
  readonly flow?: { readonly verdict?: string; readonly l4?: { TCP?: { source_port?: number } } };
  readonly lost_events?: { readonly source: string; readonly num_events_lost: string };
  readonly node_name: string;
  readonly time: string;
};
const lines = (): Line[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line);

/** As the agent has it, started, with somebody who reads. */
const eventually = async (holds: () => void): Promise<void> =>
  await vi.waitFor(holds, { timeout: 60_000, interval: 10 });

async function open(flowExport: Record<string, unknown> = {}, more: Record<string, unknown> = {}) {
  const registry = createRegistry();
  const config = parseConfig({
    nodeName: 'node-1',
    clusterName: 'east',
    flowExport: { file: path, ...flowExport },
    ...more,
  });
  const { services, standing } = await openExport({ config, registry, log: silentLogger, clock: systemClock }, hub);
  await lifecycle.start(...services);
  await eventually(() => expect(hub.stats().readers).toBe(1));
  return { standing, metrics: async () => await registry.metrics() };
}

describe('flows to a file', () => {
  it("are lines as Hubble's client prints them", async () => {
    const { standing } = await open();
    hub.publish({ rule: [9, 9] }, { ...DROPPED, destinationPort: 9090 });
    await eventually(() => expect(standing().fine).toMatch(/^2 flows written to .*, 0 lost$/));
    const [first, second] = lines();
    expect(first).toMatchObject({
      flow: {
        time: '1970-01-01T00:00:00.001Z',
        verdict: 'FORWARDED',
        IP: { source: '10.244.1.2', destination: '10.244.1.3', ipVersion: 'IPv4' },
        l4: { TCP: { source_port: 40_000, destination_port: 8080, flags: { SYN: true, ACK: true } } },
        source: { identity: 300, namespace: 'a', pod_name: 'web', cluster_name: 'east' },
        Type: 'L3_L4',
        node_name: 'east/node-1',
        event_type: { type: 5 },
        is_reply: false,
        ingress_allowed_by: [{ kind: 'NetworkPolicy', namespace: 'a', name: 'p' }],
      },
      node_name: 'east/node-1',
      time: '1970-01-01T00:00:00.001Z',
    });
    expect(second).toMatchObject({
      flow: { verdict: 'DROPPED', drop_reason_desc: 'POLICY_DENIED', extensions: { '@type': /StringValue$/ } },
    });
  });

  it('are those that filters want, with the fields that are asked for', async () => {
    const { standing } = await open({
      allow: [{ verdict: ['DROPPED'] }, { source_port: ['2'] }],
      deny: [{ destination_port: ['53'] }],
      fieldMask: ['verdict', 'l4.TCP.source_port'],
    });
    hub.publish(
      { sourcePort: 1 },
      { sourcePort: 2 },
      { ...DROPPED, sourcePort: 3 },
      { ...DROPPED, destinationPort: 53 },
    );
    await eventually(() => expect(standing().fine).toContain('2 flows written'));
    expect(lines().map(({ flow }) => flow)).toEqual([
      { verdict: 'FORWARDED', l4: { TCP: { source_port: 2 } } },
      { verdict: 'DROPPED', l4: { TCP: { source_port: 3 } } },
    ]);
  });

  it.each([
    [{ allow: [{ verdicts: ['DROPPED'] }] }, /verdicts/],
    [{ deny: [{ source_ip: ['nobody'] }] }, /nobody/],
    [{ allow: [{ source_identity: ['x'] }] }, /source_identity/],
    [{ fieldMask: ['source.pod'] }, /no field "source.pod"/],
    [{ fieldMask: ['verdict.x'] }, /no field "verdict.x"/],
  ])('are not chosen by %j', async (flowExport, why) => {
    const config = parseConfig({ nodeName: 'node-1', flowExport: { file: path, ...flowExport } });
    const opening = openExport({ config, registry: createRegistry(), log: silentLogger, clock: systemClock }, hub);
    await expect(opening).rejects.toMatchObject({
      code: 'E_AGENT_EXPORT',
      message: expect.stringMatching(why) as string,
    });
  });

  it('are none where nothing is told of flows, which is a problem', async () => {
    const { standing } = await open({}, { enableEvents: false });
    expect(standing().problems).toEqual([expect.stringContaining('enableEvents is false')]);
  });

  it('say what was lost before they came here', async () => {
    await open();
    hub.recordKernelLoss(7);
    await eventually(() =>
      expect(lines()).toMatchObject([{ lost_events: { source: 'PERF_EVENT_RING_BUFFER', num_events_lost: '7' } }]),
    );
  });

  it('that cannot be written are counted, and told as a problem until they can', async () => {
    mkdirSync(path);
    const { standing, metrics } = await open();
    await eventually(() => expect(standing().problems).toMatchObject([expect.stringContaining('EISDIR')]));
    hub.publish({}, {}, {});
    await eventually(() => expect(standing().problems).toMatchObject([expect.stringMatching(/; 3 lost$/)]));
    expect(await metrics()).toContain('membrane_flow_export_lost_total{reason="file"} 3');
    rmSync(path, { recursive: true });
    await eventually(() => {
      hub.publish({});
      expect(standing().problems).toEqual([]);
      expect(lines().length).toBeGreaterThan(0);
    });
  });
});

it('waits for no disk: what was wanted is written or counted', async () => {
  const flows = await openFlowLines({ hub, cluster: 'c', node: 'n' }, NONE);
  const disk = Promise.withResolvers<void>();
  const written: string[] = [];
  const file = {
    open: async () => undefined,
    append: async (group: readonly string[]) => {
      await disk.promise;
      written.push(...group);
    },
    close: async () => undefined,
  };
  const exporting = new FlowExport({ path, file, flows, log: silentLogger });
  await lifecycle.start(exporting);
  await eventually(() => expect(hub.stats().readers).toBe(1));
  for (let sent = 0; sent < 100; sent += 1) hub.publish({});
  disk.resolve();
  await eventually(() => expect(exporting.written + exporting.lost.slow).toBe(100));
  expect(exporting.lost).toEqual({ slow: expect.any(Number) as number, file: 0 });
  expect(exporting.lost.slow).toBeGreaterThanOrEqual(100 - 2 * 8 - 1);
  const flowLines = written.filter((line) => line.startsWith('{"flow"'));
  expect(flowLines).toHaveLength(exporting.written);
});
