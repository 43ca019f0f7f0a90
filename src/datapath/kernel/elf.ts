/** Just enough of ELF64 little-endian (gABI 4.1) to read what clang writes for the target bpf. */

export type ElfSection = {
  readonly index: number;
  readonly name: string;
  readonly flags: number;
  readonly data: Uint8Array;
};

export type ElfSymbol = {
  readonly name: string;
  readonly kind: 'object' | 'function' | 'other';
  readonly global: boolean;
  readonly section: number;
  /** Offset in its section. */
  readonly value: number;
  readonly size: number;
};

export type Elf = { readonly sections: readonly ElfSection[]; readonly symbols: readonly ElfSymbol[] };

export const SECTION_EXECUTABLE = 4;
const SYMTAB = 2;

function text(bytes: Uint8Array, offset: number): string {
  const end = bytes.indexOf(0, offset);
  return Buffer.from(bytes.subarray(offset, end < 0 ? bytes.length : end)).toString();
}

/** Throws RangeError or TypeError on anything that is not such a file. */
export function parseElf(bytes: Uint8Array): Elf {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = view.getUint32(0) === 0x7f454c46 && view.getUint8(4) === 2 && view.getUint8(5) === 1;
  if (!magic || view.getUint16(18, true) !== 247) throw new TypeError('not a 64-bit little-endian BPF ELF file');
  const table = Number(view.getBigUint64(40, true));
  const entry = view.getUint16(58, true);
  const count = view.getUint16(60, true);
  const headers = Array.from({ length: count }, (_, index) => {
    const at = table + index * entry;
    const type = view.getUint32(at + 4, true);
    const offset = Number(view.getBigUint64(at + 24, true));
    const size = Number(view.getBigUint64(at + 32, true));
    return {
      nameOffset: view.getUint32(at, true),
      type,
      flags: Number(view.getBigUint64(at + 8, true)),
      link: view.getUint32(at + 40, true),
      data: type === 8 ? new Uint8Array(0) : bytes.subarray(offset, offset + size),
    };
  });
  const names = headers[view.getUint16(62, true)]?.data ?? new Uint8Array(0);
  const sections = headers.map((h, index) => ({
    index,
    name: text(names, h.nameOffset),
    flags: h.flags,
    data: h.data,
  }));
  const symbols: ElfSymbol[] = [];
  for (const header of headers.filter((h) => h.type === SYMTAB)) {
    const strings = headers[header.link]?.data ?? new Uint8Array(0);
    const s = new DataView(header.data.buffer, header.data.byteOffset, header.data.byteLength);
    for (let at = 0; at + 24 <= s.byteLength; at += 24) {
      const info = s.getUint8(at + 4);
      const kind = (['other', 'object', 'function'] as const)[info & 15] ?? 'other';
      symbols.push({
        name: text(strings, s.getUint32(at, true)),
        kind,
        global: info >> 4 !== 0,
        section: s.getUint16(at + 6, true),
        value: Number(s.getBigUint64(at + 8, true)),
        size: Number(s.getBigUint64(at + 16, true)),
      });
    }
  }
  return { sections, symbols };
}
