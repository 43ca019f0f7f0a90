import { afterAll } from 'vitest';
import type { MapFd } from './fd.ts';
import { describeTypedMap } from './map.contract.ts';
import { KernelMap } from './map.ts';
import { mapCreate } from './syscall.ts';

const open: MapFd[] = [];
afterAll(() => {
  for (const fd of open) fd.close();
});

describeTypedMap('in the kernel', (spec, codecs) => {
  const fd = mapCreate(spec);
  open.push(fd);
  return new KernelMap(fd, spec, codecs);
});
