import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type Json, numberAt, stringAt } from '../../../src/sandbox/apiserver/index.ts';
import { kubectls } from '../../../src/sandbox/kubectl-testkit.ts';
import { attempt } from '../../../src/sandbox/machine/command.ts';
import { eventually } from '../services/eventually.ts';
import { lab } from '../services/shared-lab.ts';
import { Terminal } from './terminal.ts';

const NAMESPACE = 'reached';

const PODS = `
apiVersion: v1
kind: Namespace
metadata: {name: ${NAMESPACE}}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: ${NAMESPACE}, labels: {app: web}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: c
    image: sandbox/none
    command: [socat, "TCP-LISTEN:8080,fork,reuseaddr,bind=127.0.0.1", "SYSTEM:echo one"]
  - name: other
    image: sandbox/none
    command: [socat, "TCP-LISTEN:8081,fork,reuseaddr", "SYSTEM:echo two"]
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: ${NAMESPACE}}
spec: {selector: {app: web}, ports: [{name: two, port: 80, targetPort: 8081}]}
`;

const [program = 'kubectl', ...others] = kubectls();
/** Of the other programs only what differs in how it speaks is tried. */
const transports: readonly (readonly [string, string, string])[] = [
  [program, 'WebSocket', 'true'],
  [program, 'SPDY', 'false'],
  ...others.map((other): [string, string, string] => [other, 'its own', 'true']),
];

let folder = '';

const environment = (sockets = 'true'): NodeJS.ProcessEnv => ({
  ...process.env,
  KUBECONFIG: lab.cluster.kubeconfigPath,
  HOME: folder,
  KUBECTL_REMOTE_COMMAND_WEBSOCKETS: sockets,
  KUBECTL_PORT_FORWARD_WEBSOCKETS: sockets,
});

async function kubectl(...args: string[]): Promise<{ code: number; out: string }> {
  const env = environment() as Record<string, string>;
  const { code, stdout, stderr } = await attempt([program, '-n', NAMESPACE, ...args], { env, timeoutMs: 200_000 });
  return { code, out: stdout + stderr };
}

/** What it said; a failure fails the test. */
async function succeeds(...args: string[]): Promise<string> {
  const { code, out } = await kubectl(...args);
  expect(`exit ${code}: ${out}`).toMatch(/^exit 0/);
  return out;
}

function terminal(...args: string[]): Terminal {
  const shown = new Terminal([program, '-n', NAMESPACE, ...args], environment());
  onTestFinished(() => shown.close());
  return shown;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mbr-kubectl-'));
  await lab.cluster.apply(PODS);
  await lab.cluster.waitReady();
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('kubectl exec', () => {
  it.each(transports)(
    '-it gives a terminal that is resized, and the exit code (%s, %s)',
    async (by, _name, sockets) => {
      const shell = new Terminal(
        [by, '-n', NAMESPACE, 'exec', '-it', 'web', '-c', 'c', '--', 'sh'],
        environment(sockets),
      );
      onTestFinished(() => shell.close());
      shell.type('tty; stty size; echo at $((40 + 2))\n');
      await shell.shows(/\/dev\/pts\/\d+\r\n41 101\r\nat 42/);
      shell.resize(77, 22);
      shell.type('until [ "$(stty size)" = "22 77" ]; do sleep 0.05; done; echo re$((1))sized\n');
      await shell.shows('re1sized');
      // Ctrl-C ends what runs in the foreground, and not the shell; who is there says so itself, since what a shell has forked and
      // not put there yet goes on.
      shell.type("sh -c 'echo go$((1))ing; exec sleep 100000'\n");
      await shell.shows('go1ing');
      shell.type('\u0003');
      await shell.shows('^C');
      shell.type('echo still $((3 + 4))\nexit 9\n');
      await shell.shows('still 7');
      expect(await shell.ended()).toBe(9);
    },
  );

  it('hangs up on what runs in a terminal that was closed', async () => {
    const shell = terminal('exec', '-it', 'web', '-c', 'c', '--', 'sh', '-c', 'sleep 12345; true');
    const isThere = async (): Promise<boolean> =>
      (await succeeds('exec', 'web', '-c', 'c', '--', 'ps', '-e', '-o', 'args')).includes('\nsleep 12345');
    await eventually('it runs', isThere);
    shell.close();
    await eventually('nothing of it is left', async () => !(await isThere()));
  });

  it('says what is not there', async () => {
    expect(await kubectl('exec', 'web', '-c', 'none', '--', 'true')).toMatchObject({
      code: 1,
      out: expect.stringContaining('container none is not valid for pod web'),
    });
    expect((await kubectl('exec', 'web', '-c', 'c', '--', '/no/such')).code).not.toBe(0);
  });

  it('cp carries files both ways', async () => {
    const bytes = Buffer.alloc(3_000_000, 'mixed\0bytes\n');
    writeFileSync(join(folder, 'there'), bytes);
    await succeeds('cp', join(folder, 'there'), 'web:/tmp/mbr-copied', '-c', 'c');
    await succeeds('cp', 'web:/tmp/mbr-copied', join(folder, 'back'), '-c', 'c');
    expect(readFileSync(join(folder, 'back')).equals(bytes)).toBe(true);
    await succeeds('exec', 'web', '-c', 'c', '--', 'rm', '/tmp/mbr-copied');
  });
});

describe('kubectl attach', () => {
  it.each(transports)(
    'run -it --rm gives the terminal of a pod that goes when it ends (%s, %s)',
    async (by, name, sockets) => {
      const pod = `shell-${name.replace(' ', '-').toLowerCase()}`;
      const run = ['run', '-it', '--rm', '--restart=Never', pod, '--image=busybox', '--', 'sh'];
      const shell = new Terminal([by, '-n', NAMESPACE, ...run], environment(sockets));
      onTestFinished(() => shell.close());
      await shell.shows(/press(ing)? enter|command prompt/);
      shell.type('tty; stty size; echo at $((40 + 2))\n');
      await shell.shows(/\/dev\/pts\/\d+\r\n41 101\r\nat 42/);
      shell.type('echo go$((1))ing; sleep 100000\n');
      await shell.shows('go1ing');
      shell.type('\u0003');
      await shell.shows('^C');
      shell.type('exit 9\n');
      expect(await shell.ended()).toBe(9);
      expect(shell.shown).toContain(`pod "${pod}" deleted`);
      await expect.poll(async () => (await kubectl('get', 'pod', pod)).out).toContain(`pods "${pod}" not found`);
    },
  );

  it('run -i carries the input to its end, and the log has what was said', async () => {
    const args = ['run', '-i', '--restart=Never', 'counts', '--image=busybox', '--', 'sh', '-c', 'wc -c; exit 3'];
    const child = spawn(program, ['-n', NAMESPACE, ...args], {
      env: environment(),
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    onTestFinished(() => lab.cluster.delete({ resource: 'pods', namespace: NAMESPACE, name: 'counts' }, 0));
    const code = new Promise((resolve) => child.once('exit', resolve));
    child.stdin.end(Buffer.alloc(3_000_000));
    expect(await text(child.stdout)).toContain('3000000\n');
    expect(await code).toBe(3);
    expect(await succeeds('logs', 'counts')).toBe('3000000\n');
  });

  it('run --attach hears it from its first word, and has its exit code', async () => {
    const script = 'echo first; echo aside >&2; exit 4';
    const args = ['run', '--attach', '--rm', '--restart=Never', 'words', '--image=busybox', '--', 'sh', '-c', script];
    const { code, out } = await kubectl(...args);
    expect(out).toMatch(/^first$/m);
    expect(out).toMatch(/^aside$/m);
    expect(code).toBe(4);
  });

  it('gives the one client of a container what it has said before he came', async () => {
    const container = { name: 'c', image: 'busybox', stdin: true, stdinOnce: true };
    const containers = [{ ...container, command: ['sh', '-c', 'echo early; cat'] }];
    const metadata = { name: 'early', namespace: NAMESPACE };
    const spec = { restartPolicy: 'Never', containers };
    await lab.cluster.apply(JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata, spec }));
    onTestFinished(() => lab.cluster.delete({ resource: 'pods', ...metadata }, 0));
    await eventually('it has spoken', async () => (await kubectl('logs', 'early')).out.includes('early\n'));
    const child = spawn(program, ['-n', NAMESPACE, 'attach', '-i', 'early'], {
      env: environment(),
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    child.stdin.end('late\n');
    expect(await text(child.stdout)).toBe('early\nlate\n');
  });

  it('hears a container from then on, together with others, and leaves it as it was', async () => {
    const script = 'n=0; while sleep 0.1; do n=$((n + 1)); echo out $n; echo err $n >&2; done';
    const containers = [{ name: 'c', image: 'sandbox/none', command: ['sh', '-c', script] }];
    const metadata = { name: 'clock', namespace: NAMESPACE };
    await lab.cluster.apply(JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers } }));
    onTestFinished(() => lab.cluster.delete({ resource: 'pods', ...metadata }, 0));
    await succeeds('wait', '--for=condition=Ready', 'pod/clock', '--timeout=100s');
    await eventually('it has said more', async () => (await succeeds('logs', 'clock')).includes('out 5\n'));
    const windows = [terminal('attach', 'clock'), terminal('attach', 'clock')];
    for (const window of windows) {
      await window.shows(/out \d+\r\n/);
      await window.shows(/err \d+\r\n/);
      expect(window.shown).not.toMatch(/out 1\r\n/);
    }
    windows[0]?.close();
    const said = windows[1]?.shown.length ?? 0;
    await eventually('the other goes on', async () => (windows[1]?.shown.length ?? 0) > said + 100);
    expect(await succeeds('get', 'pod', 'clock')).toMatch(/clock\s+1\/1\s+Running\s+0/);
  });

  it('debug adds a container to the namespaces of a pod, and sees the processes of the one that is named', async () => {
    const shell = terminal('debug', 'web', '-it', '--image=busybox', '--target=other', '-c', 'spy', '--', 'sh');
    await shell.shows(/press(ing)? enter|command prompt/);
    // The processes of that container, the loopback and the host name of the pod.
    shell.type('ps -e -o args | grep -c "^soc[a]t.*8081"; nc 127.0.0.1 8080 < /dev/null; hostname\n');
    await shell.shows(/1\r\none\r\nweb\r\n/);
    const state = 'jsonpath={.status.ephemeralContainerStatuses[0].state}';
    await expect.poll(async () => await succeeds('get', 'pod', 'web', '-o', state)).toMatch(/"running"/);
    expect(await succeeds('exec', 'web', '-c', 'spy', '--', 'echo', 'also by exec')).toBe('also by exec\n');
    shell.type('exit 4\n');
    await shell.ended();
    await eventually('its end is told', async () =>
      /spy:[^]*Terminated[^]*Exit Code:\s+4/.test(await succeeds('describe', 'pod', 'web')),
    );
    expect(await succeeds('get', 'pod', 'web')).toMatch(/web\s+2\/2\s+Running\s+0/);
    const again = await kubectl('debug', 'web', '--image=busybox', '--target=nobody', '-c', 'lost', '--', 'true');
    expect(again.out).toContain('spec.ephemeralContainers[1].targetContainerName: Not found: "nobody"');
  });
});

describe('kubectl port-forward', () => {
  it.each(transports)('reaches ports of pods and services (%s, %s)', async (by, _name, sockets) => {
    const forward = async (...args: string[]): Promise<(port: number) => Promise<string>> => {
      const child = spawn(by, ['-n', NAMESPACE, 'port-forward', ...args], { env: environment(sockets) });
      onTestFinished(() => void child.kill());
      let out = '';
      for (const output of [child.stdout, child.stderr]) output.on('data', (chunk) => (out += String(chunk)));
      return async (port) => {
        const line = new RegExp(`127\\.0\\.0\\.1:(\\d+) -> ${port}\\b`);
        await expect.poll(() => out, { timeout: 60_000 }).toMatch(line);
        const answer = await text(connect(Number(line.exec(out)?.[1]), '127.0.0.1')).catch(() => '');
        return answer === '' ? out : answer;
      };
    };
    const pod = await forward('pod/web', '0:8080', '0:8081');
    expect(await Promise.all([8080, 8081, 8080, 8081].map(pod))).toEqual(['one\n', 'two\n', 'one\n', 'two\n']);
    expect(await (await forward('svc/web', '0:80'))(8081)).toBe('two\n');
    const refused = await forward('pod/web', '0:9');
    await expect
      .poll(() => refused(9))
      .toMatch(/failed to connect to localhost:9 inside namespace .*connection refused/);
  });
});

describe('kubectl logs', () => {
  it('gives what is asked for: since when, with times, how much, of the run before', async () => {
    const again = 'if [ -e /kept/ran ]; then echo again; sleep 100000; fi; touch /kept/ran';
    const script = `${again}; echo run; echo error >&2; until [ -e /kept/on ]; do sleep 0.1; done; echo late; exit 3`;
    const volumeMounts = [{ name: 'kept', mountPath: '/kept' }];
    const containers = [{ name: 'c', image: 'sandbox/none', command: ['sh', '-c', script], volumeMounts }];
    const spec = { containers, volumes: [{ name: 'kept', emptyDir: {} }] };
    const metadata = { name: 'talker', namespace: NAMESPACE };
    await lab.cluster.apply(JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata, spec }));
    onTestFinished(() => lab.cluster.delete({ resource: 'pods', ...metadata }, 0));
    await eventually('it runs', async () => (await kubectl('logs', 'talker')).out === 'run\nerror\n');
    expect((await kubectl('logs', 'talker', '--previous')).out).toContain(
      'previous terminated container "c" in pod "talker" not found',
    );
    // It follows to the end of the run.
    const following = terminal('logs', '-f', 'talker');
    await following.shows(/^run\r\nerror\r\n/);
    // kubectl says since when in whole seconds.
    const shown = Math.floor(Date.now() / 1_000);
    await eventually('another second', async () => Math.floor(Date.now() / 1_000) > shown);
    await succeeds('exec', 'talker', '--', 'touch', '/kept/on');
    await following.shows(/^run\r\nerror\r\nlate\r\n/);
    expect(await following.ended()).toBe(0);
    await eventually('it has run twice', async () => (await kubectl('logs', 'talker', '--previous')).code === 0);
    expect(await succeeds('logs', 'talker', '--previous', '--tail=1')).toBe('late\n');
    const timed = await succeeds('logs', 'talker', '--previous', '--timestamps');
    expect(timed).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z run\n\S+Z error\n\S+Z late\n$/);
    const late = /(\S+Z) late/.exec(timed)?.[1] ?? '';
    expect(await succeeds('logs', 'talker', '--previous', `--since-time=${late}`)).toBe('late\n');
    expect(await succeeds('logs', 'talker', '--previous', '--limit-bytes=6')).toBe('run\ner');
    expect(await succeeds('logs', 'talker', '--previous', '--since=1h')).toBe('run\nerror\nlate\n');
    await eventually(
      'all of it is old',
      async () => (await kubectl('logs', 'talker', '--previous', '--since=1s')).out === '',
    );
  });
});

describe('a container', () => {
  type Spec = Record<string, unknown>;
  const sh = (script: string): Spec => ({ image: 'sandbox/none', command: ['sh', '-c', script] });
  const SLEEP = sh('sleep 100000');

  async function start(name: string, containers: Spec[], spec: Spec = {}): Promise<void> {
    const metadata = { name, namespace: NAMESPACE };
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata,
      spec: { terminationGracePeriodSeconds: 1, containers, ...spec },
    };
    await lab.cluster.apply(JSON.stringify(pod));
    onTestFinished(async () => {
      await lab.cluster.delete({ resource: 'pods', namespace: NAMESPACE, name }, 0);
      await lab.cluster.waitGone(NAMESPACE, name);
    });
  }

  const status = async (name: string): Promise<Json | undefined> =>
    (await lab.cluster.get({ resource: 'pods', namespace: NAMESPACE, name }))?.['status'];
  const described = async (name: string, ...said: RegExp[]): Promise<void> => {
    await eventually(`kubectl describe says ${String(said)}`, async () => {
      const out = await succeeds('describe', 'pod', name);
      return said.every((pattern) => pattern.test(out));
    });
  };

  it('that is not alive any more is ended and started again, and events say why', async () => {
    const probe = { exec: { command: ['cat', '/run/alive'] }, periodSeconds: 1, failureThreshold: 2 };
    const container = {
      name: 'c',
      ...sh('echo yes > /run/alive; sleep 2; rm /run/alive; sleep 100000'),
      livenessProbe: { ...probe, initialDelaySeconds: 1, terminationGracePeriodSeconds: 1 },
    };
    await start('dying', [container], { terminationGracePeriodSeconds: 3_000 });
    await described(
      'dying',
      /Warning\s+Unhealthy\s.*Liveness probe failed: cat: \/run\/alive: No such file or directory/,
      /Normal\s+Killing\s.*Container c failed liveness probe, will be restarted/,
      /Restart Count:\s+[1-9]/,
      /Liveness:\s+exec \[cat \/run\/alive\] delay=1s timeout=1s period=1s #success=1 #failure=2/,
    );
  });

  it('is started again when its image changes, whatever it is that it does', async () => {
    const resources = { requests: { cpu: '10m' }, limits: { cpu: '20m', memory: '8Mi' } };
    const runs = { name: 'runs', ...sh('sleep 100000'), image: 'old/one', resources };
    await start('changing', [runs, { name: 'ends', ...sh('exit 3') }, { name: 'absent', image: 'old/none' }], {
      restartPolicy: 'Never',
    });
    await described('changing', /Reason:\s+ErrImageNeverPull/, /Exit Code:\s+3/, /QoS Class:\s+Burstable/);
    await succeeds('set', 'image', 'pod/changing', 'runs=new/one', 'ends=new/two', 'absent=busybox');
    await described(
      'changing',
      /Image:\s+new\/one\s[\s\S]*State:\s+Running[\s\S]*Restart Count:\s+1[\s\S]*Image:\s+new\/two/,
      /Image:\s+busybox\s[\s\S]*Exit Code:\s+0/,
      /Normal\s+Killing\s.*Container runs definition changed, will be restarted/,
    );
    const status = await succeeds('get', 'pod', 'changing', '-o', 'jsonpath={..restartCount}');
    expect(status.split(' ').toSorted()).toEqual(['0', '0', '1']);
    expect(await succeeds('describe', 'node')).toMatch(/cpu\s+\d+m \(\d+%\)/);
  });

  it('is asked by its node, through a policy that denies all, with the headers of its probe', async () => {
    const deny = {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: 'deny', namespace: NAMESPACE },
    };
    await lab.cluster.apply(JSON.stringify({ ...deny, spec: { podSelector: {}, policyTypes: ['Ingress', 'Egress'] } }));
    onTestFinished(() => lab.cluster.delete({ resource: 'networkpolicies', namespace: NAMESPACE, name: 'deny' }));
    const answer =
      'code=503; while read -r line; do case "$line" in "X-Probe: yes"*) [ -e /run/good ] && code=200;; "\r"|"$(printf "\\r")") break;; esac; done; printf "HTTP/1.0 $code x\\r\\n\\r\\n"';
    const container = {
      name: 'c',
      image: 'sandbox/none',
      command: ['socat', 'TCP-LISTEN:8080,fork,reuseaddr', `SYSTEM:sh /run/answer`],
      ports: [{ name: 'http', containerPort: 8080 }],
      lifecycle: { postStart: { exec: { command: ['sh', '-c', 'printf "%s" "$0" > /run/answer', answer] } } },
      startupProbe: { tcpSocket: { port: 'http' }, periodSeconds: 1, failureThreshold: 100 },
      readinessProbe: {
        httpGet: { port: 'http', path: '/ready', httpHeaders: [{ name: 'X-Probe', value: 'yes' }] },
        periodSeconds: 1,
      },
    };
    await start('asked', [container]);
    await described('asked', /Warning\s+Unhealthy\s.*Readiness probe failed: HTTP probe failed with statuscode: 503/);
    expect(await status('asked')).toMatchObject({ containerStatuses: [{ started: true, ready: false }] });
    await succeeds('exec', 'asked', '--', 'touch', '/run/good');
    await succeeds('wait', '--for=condition=Ready', 'pod/asked', '--timeout=100s');
    await succeeds('exec', 'asked', '--', 'rm', '/run/good');
    await succeeds('wait', '--for=condition=Ready=false', 'pod/asked', '--timeout=100s');
  });

  it('is begun after its sidecars and ended before them, with its hooks', async () => {
    const volumeMounts = [{ name: 'node', mountPath: '/node' }];
    const say = (what: string): string => `echo ${what} >> /node/order`;
    const lives = (what: string): Spec => ({
      volumeMounts,
      ...sh(`${say(`${what} begins`)}; trap '${say(`${what} ends`)}; exit 0' TERM; touch /run/up; sleep 100000 & wait`),
    });
    const up = { exec: { command: ['cat', '/run/up'] }, periodSeconds: 1, failureThreshold: 100 };
    const hook = (what: string): Spec => ({ exec: { command: ['sh', '-c', say(what)] } });
    const main = {
      name: 'main',
      ...lives('main'),
      readinessProbe: up,
      lifecycle: { postStart: hook('postStart'), preStop: hook('preStop') },
    };
    await start('ordered', [main], {
      terminationGracePeriodSeconds: 100,
      volumes: [{ name: 'node', hostPath: { path: '/ordered' } }],
      initContainers: [
        { name: 'one', ...lives('one'), restartPolicy: 'Always', startupProbe: up },
        { name: 'init', volumeMounts, ...sh(say('init')) },
        { name: 'two', ...lives('two'), restartPolicy: 'Always', startupProbe: up },
      ],
    });
    await succeeds('wait', '--for=condition=Ready', 'pod/ordered', '--timeout=100s');
    expect(await succeeds('get', 'pod', 'ordered')).toMatch(/ordered\s+3\/3\s+Running/);
    await succeeds('delete', 'pod', 'ordered');
    const lines = readFileSync(join(lab.node.dir, 'files/ordered/order'), 'utf8').trim().split('\n');
    expect(lines.slice(0, 3)).toEqual(['one begins', 'init', 'two begins']);
    expect(lines.slice(3, 5).toSorted()).toEqual(['main begins', 'postStart']);
    expect(lines.slice(5)).toEqual(['preStop', 'main ends', 'two ends', 'one ends']);
  });

  it('that has done its work ends its pod, and the sidecars with it', async () => {
    await start('work', [{ name: 'c', ...sh('exit 0') }], {
      restartPolicy: 'Never',
      initContainers: [{ name: 'sidecar', ...SLEEP, restartPolicy: 'Always' }],
    });
    await succeeds('wait', '--for=jsonpath={.status.phase}=Succeeded', 'pod/work', '--timeout=100s');
    expect(await succeeds('get', 'pod', 'work')).toMatch(/work\s+0\/2\s+Completed/);
  });

  it('whose postStart hook fails is ended, and an event says so', async () => {
    const postStart = { exec: { command: ['sh', '-c', 'exit 3'] } };
    await start('unhooked', [{ name: 'c', ...SLEEP, lifecycle: { postStart } }]);
    await described(
      'unhooked',
      /Warning\s+FailedPostStartHook\s.*PostStartHook failed/,
      /Killing\s.*FailedPostStartHook/,
    );
  });

  it('is ended with its pod when that has been active too long', async () => {
    await start('late', [{ name: 'c', ...SLEEP }], { activeDeadlineSeconds: 2, restartPolicy: 'Never' });
    await succeeds('wait', '--for=jsonpath={.status.reason}=DeadlineExceeded', 'pod/late', '--timeout=100s');
    await eventually('it has ended', async () => {
      const now = await status('late');
      return numberAt(now, 'containerStatuses', 0, 'state', 'terminated', 'exitCode') === 137;
    });
    expect(await succeeds('describe', 'pod', 'late')).toMatch(
      /Pod was active on the node longer than the specified deadline/,
    );
    expect(await status('late')).toMatchObject({ phase: 'Failed' });
  });

  it('that waits to be started again when its pod has been active too long shows how it ended', async () => {
    await start('failing', [{ name: 'c', ...sh('exit 7') }]);
    await eventually('it waits', async () => {
      const now = await status('failing');
      return stringAt(now, 'containerStatuses', 0, 'state', 'waiting', 'reason') === 'CrashLoopBackOff';
    });
    await succeeds('patch', 'pod', 'failing', '-p', '{"spec":{"activeDeadlineSeconds":1}}');
    await eventually('it waits no more', async () => {
      const now = await status('failing');
      return numberAt(now, 'containerStatuses', 0, 'state', 'terminated', 'exitCode') === 7;
    });
    expect(await status('failing')).toMatchObject({ phase: 'Failed', reason: 'DeadlineExceeded' });
  });
});
