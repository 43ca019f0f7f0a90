import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { SandboxCluster } from '../../src/sandbox/cluster/cluster.ts';
import { allFaults, pod, policy } from './faults.ts';
import { Flows, NAMESPACE, type Verdict } from './flows.ts';
import { Random } from './random.ts';

const USAGE = `usage: npm run faults -- [--minutes N] [--nodes N] [--seed N]

Kills and stops agents, the operator and the API server at random while pods and policies change, with an allowed and a forbidden flow from
every node to every node. Needs root. Exit code: 0 when no forbidden packet has passed and no allowed one was lost, 1
otherwise, 2 usage.`;

const MOST_MINUTES = 60;
/** Between two of what happens. */
const PAUSE_MS = [200, 2_000] as const;
/** Numbers are taken back while others are asked for, and who leads changes often. */
const HASTY = { identity: { interval: 0.5, rest: 0.5, grace: 1 }, lease: { seconds: 3, namespace: 'membrane' } };
/** Until everything is as it should be at the end. */
const READY_TIMEOUT_MS = 120_000;

function parse(args: readonly string[]): { minutes: number; nodes: number; seed: number } | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string', default: '2' },
      nodes: { type: 'string', default: '2' },
      seed: { type: 'string', default: String(randomInt(2 ** 31)) },
    },
  });
  const [minutes, nodes, seed] = [Number(values.minutes), Number(values.nodes), Number(values.seed)];
  const right = minutes > 0 && minutes <= MOST_MINUTES && Number.isInteger(nodes) && Number.isInteger(seed);
  return right ? { minutes, nodes, seed } : undefined;
}

async function build(cluster: SandboxCluster): Promise<void> {
  await cluster.apply(JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } }));
  await cluster.apply(policy('servers', ['client']));
  for (const { name, index } of cluster.nodes) {
    for (const role of ['client', 'stranger', 'server']) await cluster.apply(pod(`${role}-${index}`, role, name));
  }
  await cluster.waitReady();
}

/** What happened how often. */
async function trouble(cluster: SandboxCluster, random: Random, endMs: number): Promise<Map<string, number>> {
  const faults = allFaults(cluster, random);
  const counts = new Map<string, number>();
  while (Date.now() < endMs) {
    await sleep(random.between(...PAUSE_MS));
    const { name, happen } = random.pick(faults);
    await happen();
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}

function say(verdicts: readonly Verdict[]): boolean {
  for (const { name, allowed, sent, arrived } of verdicts) {
    const wrong = allowed ? sent - arrived : arrived;
    const what = allowed ? `${wrong} lost` : `${wrong} passed`;
    process.stdout.write(
      `${wrong === 0 ? 'ok  ' : 'FAIL'} ${name}: ${sent} ${allowed ? 'allowed' : 'forbidden'}, ${what}\n`,
    );
  }
  const passed = verdicts.filter(({ allowed }) => !allowed).reduce((sum, { arrived }) => sum + arrived, 0);
  const lost = verdicts.filter(({ allowed }) => allowed).reduce((sum, { sent, arrived }) => sum + sent - arrived, 0);
  const unseen = Math.max(...verdicts.map((verdict) => verdict.unseen));
  process.stdout.write(
    `forbidden packets passed: ${passed}; allowed packets lost: ${lost}; not seen by counters: ${unseen}\n`,
  );
  return passed === 0 && lost === 0 && unseen === 0 && verdicts.every(({ sent }) => sent > 0);
}

async function main(args: readonly string[]): Promise<number> {
  const options = parse(args);
  if (options === undefined) {
    process.stderr.write(`${USAGE}\n`);
    return 2;
  }
  const { minutes, nodes, seed } = options;
  process.stdout.write(`seed ${seed}, ${minutes} min, ${nodes} nodes\n`);
  const cluster = new SandboxCluster();
  const stop = (): void => void cluster.down().finally(() => process.exit(130));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop);
  await cluster.up({ nodes, dns: false, operatorConfig: HASTY });
  try {
    await build(cluster);
    const flows = await Flows.start(cluster, minutes * 60 + READY_TIMEOUT_MS / 1_000 + 60);
    const counts = await trouble(cluster, new Random(seed), Date.now() + minutes * 60_000);
    await cluster.waitReady({ timeoutMs: READY_TIMEOUT_MS });
    process.stdout.write(`${Array.from(counts, ([name, count]) => `${name} ${count}`).join(', ')}\n`);
    return say(await flows.stop()) ? 0 : 1;
  } finally {
    await cluster.down();
  }
}

process.exitCode = await main(process.argv.slice(2));
