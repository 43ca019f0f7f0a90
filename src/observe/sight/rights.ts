import type { Clock } from '../../base/index.ts';
import type { AskAccess, Subject } from './access.ts';
import { Answers } from './answers.ts';
import { Viewer, type ViewerOptions } from './viewer.ts';

export type RightsOptions = Pick<ViewerOptions, 'tenantOf' | 'peers' | 'namespaces' | 'clock'> & {
  readonly ask: AskAccess;
};

/** Who may see which flows: by reviews of the API server, shared by all who read as the same. */
export class Rights {
  readonly #o: Pick<ViewerOptions, 'tenantOf' | 'peers' | 'namespaces' | 'answers'> & { readonly clock: Clock };

  constructor({ ask, tenantOf, peers, namespaces, clock }: RightsOptions) {
    this.#o = { answers: new Answers(ask, clock), tenantOf, peers, namespaces, clock };
  }

  /** For one reader; it is to be opened, and closed when he has read. */
  viewer(subject: Subject): Viewer {
    return new Viewer({ ...this.#o, subject });
  }
}
