import type { Codec } from '../kernel/index.ts';

export const u32Codec: Codec<number> = {
  size: 4,
  write: (view, offset, value) => view.setUint32(offset, value, true),
  decode: (view, offset = 0) => view.getUint32(offset, true),
};

export const u64Codec: Codec<bigint> = {
  size: 8,
  write: (view, offset, value) => view.setBigUint64(offset, value, true),
  decode: (view, offset = 0) => view.getBigUint64(offset, true),
};
