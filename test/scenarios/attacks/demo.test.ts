import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../../..');

type Ended = { readonly code: number | null; readonly output: string };

function startDemo(args: readonly string[]): {
  child: ChildProcess;
  ended: Promise<Ended>;
  said: (text: string) => Promise<void>;
} {
  const child = spawn(process.execPath, [join(ROOT, 'src/cli/main.ts'), 'sandbox', 'demo', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const waiting: (() => void)[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      for (const look of waiting) look();
    });
  }
  const { promise, resolve } = Promise.withResolvers<Ended>();
  child.once('close', (code) => resolve({ code, output }));
  const said = async (text: string): Promise<void> => {
    const seen = Promise.withResolvers<void>();
    const look = (): void => (output.includes(text) ? seen.resolve() : undefined);
    waiting.push(look);
    look();
    await Promise.race([seen.promise, promise.then((end) => Promise.reject(new Error(end.output)))]);
  };
  return { child, ended: promise, said };
}

function names(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function commandLines(): string[] {
  return names('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      } catch {
        return '';
      }
    });
}

/** Whatever a demonstration makes on the machine, where it is still there. */
function leftovers(): string[] {
  return [
    ...names('/run/netns').filter((name) => /^mbr-(world$|node-\d|pod-)/.test(name)),
    ...names('/run').filter((name) => name === 'membrane-sandbox'),
    ...names('/run/membrane').filter((name) => name.startsWith('node-')),
    ...names('/sys/fs/bpf/membrane').filter((name) => name.startsWith('node-')),
    ...names('/sys/fs/cgroup/unified').filter((name) => name === 'membrane-sandbox'),
    ...names('/sys/fs/cgroup').filter((name) => name === 'membrane-sandbox'),
    ...names('/sys/class/net').filter((name) => name.startsWith('mbr')),
    ...commandLines().filter((line) => line.includes('membrane-frame') || line.includes('/run/membrane-sandbox')),
  ];
}

describe('sandbox demo', () => {
  it('ends with 0 when every line held, and leaves nothing', async () => {
    const { code, output } = await startDemo(['--once', '--only', 'reach', '--only', '8']).ended;
    expect(output).toMatch(/\n1\. .*\n {2}held \d+\/\d+\n/);
    expect(output).not.toContain('decided by');
    expect(output).toMatch(/\n15 claims tried, every one held\n/);
    expect({ code, left: leftovers() }).toEqual({ code: 0, left: [] });
  });

  it('stays up, says what to try next, and cleans up when it is interrupted', async () => {
    const { child, ended, said } = startDemo(['--nodes', '1', '--only', 'footprint', '-v']);
    await said('The sandbox stays up');
    child.kill('SIGINT');
    const { code, output } = await ended;
    expect(output).toContain('decided by');
    // Said before the first attack: whoever waits for the last has something to look at.
    const [hint, title] = ['export KUBECONFIG=/run/membrane-sandbox/kubeconfig', '\n8. '].map((text) =>
      output.indexOf(text),
    );
    expect(hint).toBeGreaterThan(0);
    expect(title).toBeGreaterThan(hint ?? 0);
    expect({ code, left: leftovers() }).toEqual({ code: 0, left: [] });
  });

  it.each([
    ['SIGINT', 'starting the API server'],
    ['SIGTERM', 'waiting for the pods'],
    ['SIGHUP', '7. The agent is killed'],
    ['SIGINT', '10. A server'],
  ] as const)('leaves nothing when %s comes at "%s"', async (signal, moment) => {
    const number = /^\d+/.exec(moment)?.[0] ?? '1';
    const { child, ended, said } = startDemo(['--once', '--nodes', '1', '--only', number]);
    await said(moment);
    child.kill(signal);
    // A second one must not disturb the cleaning up.
    setTimeout(() => child.kill(signal), 100);
    const { code } = await ended;
    expect({ code, left: leftovers() }).toEqual({ code: 130, left: [] });
  });

  it('refuses an attack that does not exist, before anything is built', async () => {
    const { code, output } = await startDemo(['--only', 'nonsense']).ended;
    expect(output).toContain('E_ATTACK_UNKNOWN');
    expect({ code, left: leftovers() }).toEqual({ code: 2, left: [] });
  });
});
