import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { constants, Script } from 'node:vm';
import { crc32 } from 'node:zlib';
import type { CodeCache } from './code-cache.ts';

type Exports = Readonly<Record<string, unknown>>;
/** What the text of each script is: what Node.js wraps around a CommonJS module. */
type Body = (
  exports: Exports,
  require: (id: string) => unknown,
  module: { exports: Exports },
  filename: string,
  dirname: string,
) => void;
type Loaded = { readonly name: string; readonly source: number; readonly script: Script };

/**
 * The program as it was built, with code that an earlier start kept. Not by Node.js's own loader: that keeps what was compiled
 * when a file was loaded, and nearly all of what a start compiles is called later.
 */
export class BuiltScripts {
  readonly #folder: string;
  readonly #cache: CodeCache;
  readonly #modules = new Map<string, { exports: Exports }>();
  readonly #requireOthers: NodeJS.Require;
  #loaded: Loaded[] | undefined = [];
  #isNew = false;

  constructor(folder: string, cache: CodeCache) {
    this.#folder = folder;
    this.#cache = cache;
    this.#requireOthers = createRequire(join(folder, 'start.js'));
  }

  /** What a script exports; it runs when it is asked for first. */
  load(name: string): Exports {
    const known = this.#modules.get(name);
    if (known !== undefined) return known.exports;
    const path = join(this.#folder, name);
    const text = readFileSync(path);
    const source = crc32(text);
    const cachedData = this.#cache.codeOf(name, source);
    const script = new Script(text.toString('latin1'), {
      filename: path,
      cachedData,
      importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
    });
    if (cachedData === undefined || script.cachedDataRejected === true) this.#isNew = true;
    this.#loaded?.push({ name, source, script });
    const module = { exports: {} };
    this.#modules.set(name, module);
    const body = script.runInThisContext() as Body;
    body(module.exports, (id) => this.#require(id), module, path, this.#folder);
    return module.exports;
  }

  /** Keeps what was compiled by now, functions that ran included, unless all of it was kept before. */
  keep(): void {
    const loaded = this.#loaded ?? [];
    if (this.#isNew) {
      const compiled = loaded.map(({ script, ...others }) => ({ ...others, code: script.createCachedData() }));
      this.#cache.write(compiled, (other) => existsSync(join(this.#folder, other)));
    }
    this.#loaded = undefined;
    this.#cache.close();
  }

  #require(id: string): unknown {
    return id.startsWith('./') ? this.load(id.slice(2)) : this.#requireOthers(id);
  }
}
