import { describe, expect, test } from 'vitest';
import { type JsonObject, listAt, stringAt } from '../../apiserver/index.ts';
import { TestCluster } from '../testkit.ts';

const JOB = {
  spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'pause' }] } } },
};

/** It is midnight, and something is due every ten minutes. */
async function started(spec: JsonObject = {}): Promise<TestCluster> {
  const cluster = new TestCluster();
  await cluster.create('cronjobs', 'tick', { schedule: '*/10 * * * *', jobTemplate: JOB, ...spec });
  return cluster;
}

const MINUTE = 60;
/** Minutes from the epoch to the test's midnight. */
const MIDNIGHT = Date.UTC(2026, 0, 1) / 60_000;
const jobs = (cluster: TestCluster): number[] =>
  cluster.names('jobs').map((name) => Number(name.replace('tick-', '')) - MIDNIGHT);
const active = (cluster: TestCluster): number => listAt(cluster.get('cronjobs', 'tick'), 'status', 'active').length;

async function end(cluster: TestCluster, how: 'Succeeded' | 'Failed'): Promise<void> {
  for (const pod of cluster.list('pods')) {
    if (stringAt(pod, 'status', 'phase') !== how) cluster.setPod(pod.metadata.name, how);
  }
  await cluster.settle();
}

test('a job at each time, with its name and its mark', async () => {
  await using cluster = await started();
  expect(jobs(cluster)).toEqual([]);
  await cluster.advance(10 * MINUTE);
  expect(jobs(cluster)).toEqual([10]);
  const [job] = cluster.list('jobs');
  expect(job?.metadata).toMatchObject({
    annotations: { 'batch.kubernetes.io/cronjob-scheduled-timestamp': '2026-01-01T00:10:00Z' },
    ownerReferences: [{ kind: 'CronJob', name: 'tick', controller: true }],
  });
  expect(cluster.get('cronjobs', 'tick')['status']).toMatchObject({
    lastScheduleTime: '2026-01-01T00:10:00Z',
    active: [{ kind: 'Job', name: job?.metadata.name }],
  });
  await cluster.advance(10 * MINUTE);
  expect(jobs(cluster)).toEqual([10, 20]);
  expect(active(cluster)).toBe(2);
  expect(cluster.events('tick')).toContain(`Normal SuccessfulCreate: Created job ${job?.metadata.name}`);
});

test('of times that were missed the last one counts', async () => {
  await using cluster = await started({ suspend: true });
  await cluster.advance(35 * MINUTE);
  expect(jobs(cluster)).toEqual([]);
  await cluster.patch('cronjobs', 'tick', { spec: { suspend: false } });
  expect(jobs(cluster)).toEqual([30]);
});

test('and none that lies beyond the deadline', async () => {
  await using cluster = await started({ suspend: true, startingDeadlineSeconds: 60 });
  await cluster.advance(35 * MINUTE);
  await cluster.patch('cronjobs', 'tick', { spec: { suspend: false } });
  expect(jobs(cluster)).toEqual([]);
  await cluster.advance(5 * MINUTE);
  expect(jobs(cluster)).toEqual([40]);
});

describe('while a job runs', () => {
  test('Forbid: none is made', async () => {
    await using cluster = await started({ concurrencyPolicy: 'Forbid' });
    await cluster.advance(10 * MINUTE);
    await cluster.advance(10 * MINUTE);
    expect(jobs(cluster)).toEqual([10]);
    expect(cluster.events('tick').join()).toContain('concurrency policy is Forbid');
  });

  test('Replace: it makes room', async () => {
    await using cluster = await started({ concurrencyPolicy: 'Replace' });
    await cluster.advance(10 * MINUTE);
    await cluster.advance(10 * MINUTE);
    expect(jobs(cluster)).toEqual([20]);
    expect(active(cluster)).toBe(1);
  });
});

test('so many that succeeded and failed are kept', async () => {
  await using cluster = await started({ successfulJobsHistoryLimit: 2, failedJobsHistoryLimit: 0 });
  for (const how of ['Succeeded', 'Succeeded', 'Succeeded'] as const) {
    await cluster.advance(10 * MINUTE);
    await end(cluster, how);
  }
  expect(jobs(cluster)).toEqual([20, 30]);
  expect(cluster.get('cronjobs', 'tick')['status']).toMatchObject({
    lastSuccessfulTime: expect.stringMatching(/^2026-01-01T00:30/),
  });
  expect(active(cluster)).toBe(0);
  expect(cluster.events('tick').join()).toContain('Saw completed job');
});

test('in another time zone', async () => {
  await using cluster = await started({ schedule: '0 2 * * *', timeZone: 'Europe/Berlin' });
  await cluster.advance(61 * MINUTE);
  expect(jobs(cluster)).toEqual([60]);
});

test.each<[JsonObject, string]>([
  [{ schedule: 'soon' }, 'spec.schedule: Invalid value: "soon": expected exactly 5 fields, found 1: [soon]'],
  [{ schedule: 'TZ=UTC * * * * *' }, 'cannot use TZ or CRON_TZ in schedule'],
  [{ timeZone: 'Nowhere' }, 'spec.timeZone: Invalid value: "Nowhere": unknown time zone Nowhere'],
  [{ concurrencyPolicy: 'Maybe' }, 'Unsupported value: "Maybe": supported values: "Allow", "Forbid", "Replace"'],
  [{ startingDeadlineSeconds: -1 }, 'must be greater than or equal to 0'],
])('%j is refused', async (spec, why) => {
  await using cluster = new TestCluster();
  await expect(
    cluster.create('cronjobs', 'tick', { schedule: '* * * * *', jobTemplate: JOB, ...spec }),
  ).rejects.toThrow(why);
});
