import { join } from 'node:path';
import { HOME } from '../../../base/home.ts';
import type { ImageEntry, ImageTable } from './image-table.ts';

type Row = Partial<Omit<ImageEntry, 'pattern'>>;

/** Also when what runs was put together elsewhere. */
const PROGRAMS = join(HOME, 'src/sandbox/kubelet/images/programs');
const NODE = '/usr/local/bin/node';
/** Where the images of Node.js have it: it may lie where only root can go. */
const WITH_NODE = { [NODE]: process.execPath };

/** Programs of ours, which stand for images that have nothing but themselves. */
function own(program: string): Row {
  const inside = `/usr/local/lib/${program}`;
  return {
    entrypoint: [NODE, inside],
    files: { ...WITH_NODE, [inside]: join(PROGRAMS, program) },
  };
}

/** What people use of BusyBox that Debian has elsewhere, or not at all. */
const APPLETS = ['httpd', 'nslookup', 'telnet'];
/** What Debian's BusyBox can only in part, as images have it. */
const OURS = ['nc', 'wget'];
const SHELL: Row = {
  args: ['sh'],
  files: {
    ...Object.fromEntries(APPLETS.map((applet) => [`/usr/local/bin/${applet}`, '/usr/bin/busybox'])),
    ...Object.fromEntries(OURS.map((name) => [`/usr/local/bin/${name}`, join(PROGRAMS, `${name}.sh`)])),
  },
};
const BASH: Row = { args: ['bash'], package: 'bash' };

/** Images that people bring, and what of Debian is in them. */
const ROWS: Readonly<Record<string, Row>> = {
  pause: { entrypoint: ['sleep'], args: ['infinity'] },
  'pause-*': { entrypoint: ['sleep'], args: ['infinity'] },
  busybox: SHELL,
  alpine: SHELL,
  debian: BASH,
  'debian-*': BASH,
  ubuntu: BASH,
  python: { args: ['python3'], package: 'python3' },
  node: { args: ['node'], files: WITH_NODE },
  perl: { args: ['perl'], package: 'perl' },
  bash: { entrypoint: ['bash'], package: 'bash' },
  curl: { entrypoint: ['curl'], package: 'curl' },
  'alpine-curl': { entrypoint: ['curl'], package: 'curl' },
  socat: { entrypoint: ['socat'], package: 'socat' },
  netshoot: { args: ['bash'], package: 'bash' },
  nginx: { args: ['nginx', '-g', 'daemon off;'], package: 'nginx-light' },
  'nginx-unprivileged': { args: ['nginx', '-g', 'daemon off;'], package: 'nginx-light' },
  redis: { args: ['redis-server', '--protected-mode', 'no'], workingDir: '/data', package: 'redis-server' },
  valkey: { args: ['redis-server', '--protected-mode', 'no'], workingDir: '/data', package: 'redis-server' },
  memcached: { entrypoint: ['memcached'], args: ['-u', 'root'], package: 'memcached' },
  haproxy: {
    entrypoint: ['haproxy', '-W', '-db'],
    args: ['-f', '/usr/local/etc/haproxy/haproxy.cfg'],
    package: 'haproxy',
  },
  prometheus: {
    entrypoint: ['prometheus'],
    args: ['--config.file=/etc/prometheus/prometheus.yml', '--storage.tsdb.path=/prometheus'],
    package: 'prometheus',
  },
  agnhost: { ...own('agnhost.ts'), args: ['pause'] },
  'http-echo': own('http-echo.ts'),
  whoami: own('whoami.ts'),
  'hello-app': { ...own('whoami.ts'), args: ['--port', '8080'] },
};

export const BUILT_IN_IMAGES: ImageTable = Object.entries(ROWS).map(([pattern, row]) => ({
  pattern,
  entrypoint: [],
  args: [],
  env: {},
  ...row,
}));
