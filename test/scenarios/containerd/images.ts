import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { copyDebian } from '../../../tools/image/debian.ts';
import { packImage, writeImage } from '../../../tools/image/oci.ts';

/** A shell and what comes with BusyBox: for pods, and for what holds their namespaces. */
export const TEST_IMAGE = 'localhost/membrane-test:1';

/** Writes it below `dir`, of Debian's packages as they are installed here, and gives the path of its archive. */
export function makeTestImage(dir: string): string {
  const [root, layout, archive] = [join(dir, 'root'), join(dir, 'layout'), join(dir, 'test-image.tar')];
  mkdirSync(root, { recursive: true, mode: 0o755 });
  copyDebian(root, []);
  writeImage({
    folder: layout,
    name: TEST_IMAGE,
    layers: [{ folder: root, what: 'BusyBox' }],
    config: { Entrypoint: ['sleep', 'infinity'], Env: ['PATH=/usr/bin'], WorkingDir: '/' },
    labels: {},
  });
  packImage(layout, archive);
  return archive;
}
