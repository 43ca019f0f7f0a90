import { describe, expect, it } from 'vitest';
import { BUILT_IN_IMAGES } from './built-in.ts';
import { parseImageMap } from './image-map.ts';
import { matchesImage, parseImage } from './image-name.ts';
import { type Asked, imageCommand } from './image-table.ts';

describe('parseImage', () => {
  it.each([
    ['nginx', 'nginx', 'nginx', 'latest'],
    ['nginx:1.27', 'nginx', 'nginx', '1.27'],
    ['docker.io/library/nginx@sha256:00', 'nginx', 'docker.io/library/nginx', 'latest'],
    ['bitnami/redis:7', 'bitnami/redis', 'bitnami/redis', '7'],
    ['localhost:5000/a/b', 'a/b', 'localhost:5000/a/b', 'latest'],
    [
      'registry.k8s.io/e2e-test-images/agnhost:2.53',
      'e2e-test-images/agnhost',
      'registry.k8s.io/e2e-test-images/agnhost',
      '2.53',
    ],
  ])('%s is %s', (image, repository, full, tag) => {
    expect(parseImage(image)).toEqual({ repository, full, tag });
  });
});

describe('matchesImage', () => {
  it.each([
    ['nginx', 'nginx:1', true],
    ['nginx', 'quay.io/somebody/nginx', true],
    ['nginx', 'nginxinc/nginx-unprivileged', false],
    ['bitnami/*', 'docker.io/bitnami/redis:7', true],
    ['bitnami/*', 'redis', false],
    ['registry.example/team/*:1.*', 'registry.example/team/web:1.2', true],
    ['registry.example/team/*:1.*', 'registry.example/team/web:2.1', false],
    ['team/*', 'registry.example/team/web', true],
    ['n.inx', 'nginx', false],
  ])('%s means %s: %s', (pattern, image, expected) => {
    expect(matchesImage(pattern, image)).toBe(expected);
  });
});

describe('imageCommand', () => {
  const own = parseImageMap(
    'shop/web: [node, /srv/web.js]\n"shop/*": { entrypoint: [java], args: [-jar, 1], workingDir: /srv, env: { A: 1 } }\n',
    'map.yaml',
  );
  const table = [...own, ...BUILT_IN_IMAGES];
  const asked = (image: string, command: string[] = [], args: string[] = []): Asked => ({
    name: 'c',
    image,
    command,
    args,
  });
  const has = (program: string): boolean => program !== 'nginx';

  it.each<[Asked, object]>([
    [asked('shop/web'), { argv: ['node', '/srv/web.js'] }],
    [asked('shop/web', [], ['other.js']), { argv: ['node', 'other.js'] }],
    [asked('shop/web', ['sh'], ['-c']), { argv: ['sh', '-c'] }],
    [asked('registry.example:5000/shop/db:3'), { argv: ['java', '-jar', '1'], workingDir: '/srv', env: { A: '1' } }],
    [asked('pause'), { argv: ['sleep', 'infinity'] }],
    [asked('redis:7-alpine', [], ['redis-server', '--port', '1']), { argv: ['redis-server', '--port', '1'] }],
    [asked('busybox', ['httpd', '-f']), { argv: ['httpd', '-f'] }],
    [asked('unknown', ['own']), { argv: ['own'] }],
  ])('runs %j', (container, expected) => {
    expect(imageCommand(table, container, has)).toMatchObject({ kind: 'command', ...expected });
  });

  it.each<[Asked, RegExp]>([
    [asked('unknown:1'), /names no program for "unknown:1": give container "c" a command.*--image-map/],
    [
      asked('nginx'),
      /^"nginx" would run here as nginx, which this machine does not have: apt-get install nginx-light$/,
    ],
  ])('says what to do about %j', (container, message) => {
    expect(imageCommand(table, container, has)).toEqual({ kind: 'none', message: expect.stringMatching(message) });
  });
});

describe('parseImageMap', () => {
  it.each(['[a]', 'a: 1', 'a: []', 'a: { run: [b] }', 'a: [{}]', '{'])('refuses %s', (text) => {
    expect(() => parseImageMap(text, 'map.yaml')).toThrowError(
      expect.objectContaining({ code: 'E_SANDBOX_IMAGE_MAP', message: expect.stringContaining('map.yaml') }),
    );
  });

  it('takes an empty file', () => {
    expect(parseImageMap('# nothing yet\n', 'map.yaml')).toEqual([]);
  });
});
