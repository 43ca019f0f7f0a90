import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LinkList } from './link-list.ts';
import { Netdev } from './netdev.ts';
import { NetworkNews } from './network-news.ts';

const ip = (...args: string[]): string => execFileSync('ip', args, { encoding: 'utf8' });
const A = 'news-a';
const BRIDGE = 'news-br';

describe('news of devices and addresses', () => {
  let news: NetworkNews;

  beforeEach(() => {
    ip('link', 'add', A, 'type', 'veth', 'peer', 'name', 'news-b');
    ip('link', 'add', BRIDGE, 'type', 'bridge');
    news = NetworkNews.open();
    news.take();
  });
  afterEach(() => {
    news.close();
    ip('link', 'delete', A);
    ip('link', 'delete', BRIDGE);
  });

  it('are none while nothing happens, and one that is heard is heard once', () => {
    expect(news.take()).toBe(false);
    // Of one that is up the kernel tells once more when it gets to its carrier.
    ip('link', 'set', A, 'mtu', '1400');
    expect(news.take()).toBe(true);
    expect(news.take()).toBe(false);
  });

  it('are there at first, and when there were none for so long that one may doubt it', () => {
    using fresh = NetworkNews.open();
    const now = performance.now();
    expect(fresh.take(now)).toBe(true);
    expect(fresh.take(now + 299_000)).toBe(false);
    expect(fresh.take(now + 300_000)).toBe(true);
  });

  it.each([
    ['one that is set up', () => ip('link', 'set', A, 'up')],
    ['one that becomes a port', () => ip('link', 'set', A, 'master', BRIDGE)],
    ['one that has another MTU', () => ip('link', 'set', A, 'mtu', '1400')],
    ['one that has an address', () => ip('addr', 'add', '198.51.100.7/32', 'dev', A)],
    [
      'one that has another name',
      () => {
        ip('link', 'set', A, 'name', 'news-c');
        ip('link', 'set', 'news-c', 'name', A);
      },
    ],
    [
      'one that comes and goes',
      () => {
        ip('link', 'add', 'news-d', 'type', 'bridge');
        ip('link', 'delete', 'news-d');
      },
    ],
  ])('are %s', (_, change) => {
    change();
    expect(news.take()).toBe(true);
  });

  it('are not lost when there is more than the kernel has room for', () => {
    const lines = Array.from({ length: 3_000 }, (_, i) => `link set ${A} mtu ${1_000 + (i % 2)}`);
    execFileSync('ip', ['-batch', '-'], { input: lines.join('\n') });
    expect(news.take()).toBe(true);
    ip('link', 'set', A, 'mtu', '1400');
    expect(news.take()).toBe(true);
    expect(news.take()).toBe(false);
  });

  it('are what a list of devices is asked for again by', async () => {
    using netdev = Netdev.open();
    let asked = 0;
    const links = new LinkList(
      {
        listLinks: async (prefix) => {
          asked += 1;
          return await netdev.listLinks(prefix);
        },
      },
      news,
    );
    const names = async (): Promise<string[]> => (await links.all()).map(({ name }) => name);
    expect(await names()).toContain(A);
    expect(await names()).not.toContain('news-d');
    expect(asked).toBe(1);
    ip('link', 'add', 'news-d', 'type', 'bridge');
    expect(await names()).toContain('news-d');
    ip('link', 'delete', 'news-d');
    expect(await names()).not.toContain('news-d');
    expect(asked).toBe(3);
  });
});
