import { z } from 'zod';
import { errorMessage, type Logger } from '../base/index.ts';
import { CidrIdentities, IdentityAllocator } from '../identity/index.ts';
import type { StateFiles } from './state-files.ts';

const FILE = 'numbers';

/** The numbering of identities and prefixes: what numbers in the kernel mean, also to the agent's next life. */
export class Numbers {
  readonly #state: StateFiles;
  #trusted = false;

  constructor(state: StateFiles) {
    this.#state = state;
  }

  /** False: what an earlier life wrote into the kernel cannot be read any more. */
  get trusted(): boolean {
    return this.#trusted;
  }

  restore(options: { grace: number; log: Logger }): { allocator: IdentityAllocator; cidrs: CidrIdentities } {
    const value = this.#state.readJson(FILE);
    const allocator = new IdentityAllocator({ grace: options.grace });
    try {
      if (typeof value === 'object' && value !== null && 'identities' in value && 'prefixes' in value) {
        const cidrs = new CidrIdentities({ remembered: z.record(z.string(), z.int()).parse(value.prefixes) });
        allocator.restore(value.identities);
        this.#trusted = true;
        return { allocator, cidrs };
      }
    } catch (error) {
      options.log.error(
        { error: errorMessage(error) },
        'the numbering is lost: all endpoints are closed until it is made anew',
      );
    }
    return { allocator: new IdentityAllocator({ grace: options.grace }), cidrs: new CidrIdentities() };
  }

  save(allocator: IdentityAllocator, cidrs: CidrIdentities): void {
    this.#state.writeJson(FILE, { identities: allocator.snapshot(), prefixes: cidrs.snapshot() });
  }
}
