import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isMembraneError } from '../base/index.ts';
import { findAgent } from './find-agent.ts';

let folder: string;
const servers: net.Server[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'membrane-find-'));
});

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
  rmSync(folder, { recursive: true });
});

function socketOf(node: string): string {
  mkdirSync(join(folder, node), { recursive: true });
  return join(folder, node, 'admin.sock');
}

async function live(node: string): Promise<string> {
  const path = socketOf(node);
  const server = net.createServer((socket) => socket.end());
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return path;
}

function dead(node: string): string {
  const path = socketOf(node);
  const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  spawnSync(process.execPath, ['-e', script]);
  return path;
}

const find = async (options: { socket?: string; node?: string } = {}) => {
  try {
    return await findAgent(options, folder);
  } catch (error) {
    return isMembraneError(error) ? error.code : String(error);
  }
};

describe('without options', () => {
  test('nothing there', async () => expect(await find()).toBe('E_CLI_NO_AGENT'));

  test('the only one, even when it is dead: its own error says more', async () => {
    const path = dead('node-1');
    expect(await find()).toBe(path);
  });

  test('the only one that answers', async () => {
    dead('node-1');
    const path = await live('node-2');
    expect(await find()).toBe(path);
  });

  test('several that answer', async () => {
    await live('node-1');
    await live('node-2');
    expect(await find()).toBe('E_CLI_SEVERAL_AGENTS');
  });

  test('other files are not taken for agents', async () => {
    mkdirSync(join(folder, 'empty'));
    writeFileSync(join(folder, 'admin.sock'), '');
    expect(await find()).toBe('E_CLI_NO_AGENT');
  });
});

describe('as somebody who is not root', () => {
  // Whoever is not root sees no folder of an agent: that is no reason to say that there is none.
  test.runIf(process.getuid?.() === 0)('says that the folder may not be read', async () => {
    await live('node-1');
    for (const closed of [folder, join(folder, 'node-1')]) {
      chmodSync(closed, 0o700);
      chmodSync(folder, closed === folder ? 0o700 : 0o755);
      expect(asNobody(folder)).toBe('E_CLI_PERMISSION');
    }
  });
});

/** What looking for an agent comes to for a user without rights. */
function asNobody(run: string): string {
  const module = JSON.stringify(new URL('./find-agent.ts', import.meta.url).href);
  const script = `const { findAgent } = await import(${module});
    process.setuid(65534);
    await findAgent({}, ${JSON.stringify(run)}).then(console.log, (error) => console.log(error.code));`;
  return spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' }).stdout.trim();
}

describe('with options', () => {
  test('--socket is taken as it is', async () => expect(await find({ socket: '/x', node: 'y' })).toBe('/x'));
  test('--node', async () => expect(await find({ node: 'node-7' })).toBe(join(folder, 'node-7/admin.sock')));
  test.each(['../etc', 'a/b', '', '.', 'UP'])('--node %j is no node', async (node) => {
    expect(await find({ node })).toBe('E_CLI_USAGE');
  });
});
