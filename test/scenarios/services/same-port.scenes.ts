import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Place, Scene } from './scene.ts';
import { lab } from './shared-lab.ts';

const PROGRAM = join(import.meta.dirname, 'programs', 'same-port.ts');
const CLIENT = '198.51.100.7';
const PORTS = 100;
const FIRST = 44_000;

type Answers = readonly { readonly open: readonly string[]; readonly kept: readonly string[] }[];

/** One pod behind two node ports. */
async function scene(protocol: 'TCP' | 'UDP') {
  const it = await lab.scene();
  const ports = [{ port: 80, targetPort: 8080, protocol }];
  const spec = { type: 'NodePort', ports, selector: { app: 'web' } };
  const [one, two, [pod = '']] = await Promise.all([
    it.service('one', spec),
    it.service('two', spec),
    it.pods(['web'], 'web', { serves: ['tcp:8080', 'udp:8080'] }),
  ]);
  await Promise.all(['one', 'two'].map((name) => it.served(name, 1)));
  const [first, second] = [one, two].map(({ nodePort }) => `${lab.node.ip}:${nodePort}`) as [string, string];
  const inside = [one, two].map(({ clusterIP }) => `${clusterIP}:80`);
  return { it, first, second, pod: `${pod}:8080`, inside };
}

async function ask(it: Scene, protocol: string, ...targets: string[]): Promise<Answers> {
  return await askFrom('world', CLIENT, it, protocol, ...targets);
}

async function askFrom(place: Place, own: string, it: Scene, ...rest: [string, ...string[]]): Promise<Answers> {
  const [protocol, ...targets] = rest;
  const argv = [process.execPath, PROGRAM, protocol, own, String(FIRST), String(PORTS), ...targets];
  const { code, stdout, stderr } = await it.run(place, argv, 60_000);
  if (code !== 0) throw new Error(`the client ended with ${code}: ${stderr}`);
  return JSON.parse(stdout) as Answers;
}

/** Who answered, and whom it saw, with how many ports. */
function tally(answers: readonly string[]): string[] {
  return answers.map((answer) => answer.replace(/:\d+$/, '')).toSorted();
}

// Calico's PR 5601 and openshift/sdn's issue 264.
describe.each(['TCP', 'UDP'] as const)('%s: a client outside with one source port', (protocol) => {
  const everybody = Array.from({ length: PORTS }, () => `web ${CLIENT}`);

  it.each([
    ['through two node ports, then straight', ({ first, second, pod }: Targets) => [first, second, pod]],
    ['straight, then through two node ports', ({ first, second, pod }: Targets) => [pod, first, second]],
  ] as const)('%s: each is a connection of its own', async (_title, order) => {
    const { it: stage, ...targets } = await scene(protocol);
    const answers = await ask(stage, protocol.toLowerCase(), ...order(targets));
    expect(answers.map(({ open }) => tally(open))).toEqual([everybody, everybody, everybody]);
    expect(answers.map(({ kept }) => tally(kept))).toEqual([everybody, everybody, everybody]);
    // The pod can tell all of them apart.
    expect(new Set(answers.flatMap(({ open }) => open)).size).toBe(3 * PORTS);
  });
});

it('TCP: a pod that binds one port for two services and their pod has a connection to each', async () => {
  const { it: stage, inside, first, pod } = await scene('TCP');
  const own = await stage.pod('client');
  const answers = await askFrom('client', own, stage, 'tcp', ...inside, first, pod);
  const everybody = Array.from({ length: PORTS }, () => `web ${own}`);
  expect(answers.map(({ open }) => tally(open))).toEqual([everybody, everybody, everybody, everybody]);
  expect(answers.map(({ kept }) => tally(kept))).toEqual([everybody, everybody, everybody, everybody]);
});

type Targets = { readonly first: string; readonly second: string; readonly pod: string };
