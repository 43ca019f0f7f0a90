import { readFileSync } from 'node:fs';
import { datapathErrors } from '../errors.ts';
import { LAYOUT_HASH } from '../gen/layout.ts';
import { Btf } from './btf.ts';
import { type Elf, parseElf, SECTION_EXECUTABLE } from './elf.ts';
import { type MapSpec, mapsOf } from './map-spec.ts';

export type ProgramSpec = { readonly name: string; readonly section: string };

/** What an object file contains: a function of the file alone, no kernel needed. */
export type ObjectSpec = {
  readonly path: string;
  readonly programs: readonly ProgramSpec[];
  readonly maps: readonly MapSpec[];
  /** Offset of `config` in .rodata; undefined when no program of the object reads it. */
  readonly configOffset: number | undefined;
};

/** The section that the build stamps with the hash of the layouts the object was compiled from. */
export const LAYOUT_SECTION = 'membrane_layout';

/** Reads an object file. Throws E_DATAPATH_OBJECT, E_DATAPATH_LAYOUT. */
export function readObjectSpec(path: string): ObjectSpec {
  let elf: Elf;
  let btf: Btf;
  try {
    elf = parseElf(readFileSync(path));
    const section = elf.sections.find((s) => s.name === '.BTF');
    if (section === undefined) throw new TypeError('no BTF; it was compiled without -g');
    btf = Btf.parse(section.data);
  } catch (cause) {
    throw datapathErrors.make('E_DATAPATH_OBJECT', { detail: path, cause });
  }
  const stamp = elf.sections.find((s) => s.name === LAYOUT_SECTION);
  const found = stamp === undefined ? 'none' : Buffer.from(stamp.data).toString().replace(/\0.*$/s, '');
  if (found !== LAYOUT_HASH) {
    throw datapathErrors.make('E_DATAPATH_LAYOUT', { detail: `${path} has ${found}, this program ${LAYOUT_HASH}` });
  }
  const rodata = elf.sections.find((s) => s.name === '.rodata')?.index;
  return {
    path,
    programs: programsOf(elf),
    maps: mapsOf(btf),
    configOffset: elf.symbols.find((s) => s.name === 'config' && s.section === rodata)?.value,
  };
}

function programsOf(elf: Elf): ProgramSpec[] {
  const executable = new Map(
    elf.sections
      .filter((s) => (s.flags & SECTION_EXECUTABLE) !== 0 && s.name !== '.text' && s.data.length > 0)
      .map((s) => [s.index, s.name]),
  );
  return elf.symbols.flatMap((symbol) => {
    const section = executable.get(symbol.section);
    return symbol.kind === 'function' && symbol.global && section !== undefined ? [{ name: symbol.name, section }] : [];
  });
}
