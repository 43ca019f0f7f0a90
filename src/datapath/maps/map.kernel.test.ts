import { afterAll } from 'vitest';
import type { MapFd } from '../kernel/fd.ts';
import { mapCreate } from '../kernel/syscall.ts';
import { describeTypedMap } from './map.contract.ts';
import { KernelMap } from './map.ts';

const open: MapFd[] = [];
afterAll(() => {
  for (const fd of open) fd.close();
});

describeTypedMap('in the kernel', (spec, codecs) => {
  const fd = mapCreate(spec);
  open.push(fd);
  return new KernelMap(fd, spec, codecs);
});
