import {
  type ApiStore,
  type JsonObject,
  type KubeObject,
  listAt,
  objectAt,
  stringAt,
  stringMapAt,
} from '../../apiserver/index.ts';
import { controllerReference } from '../kit/owner.ts';
import { ordinalOf } from './ordinals.ts';

/** The claims of a set's pods: `data-db-0` for the template `data` and the pod `db-0`. They outlive the pod. */
export class SetClaims {
  readonly #store: ApiStore;
  readonly #set: KubeObject;

  constructor(store: ApiStore, set: KubeObject) {
    this.#store = store;
    this.#set = set;
  }

  get #templates(): readonly { readonly name: string; readonly template: JsonObject }[] {
    return listAt(this.#set, 'spec', 'volumeClaimTemplates').flatMap((value) => {
      const template = objectAt(value);
      const name = stringAt(template, 'metadata', 'name');
      return template === undefined || name === undefined ? [] : [{ name, template }];
    });
  }

  #nameOf(template: string, ordinal: number): string {
    return `${template}-${this.#set.metadata.name}-${ordinal}`;
  }

  #policy(when: 'whenDeleted' | 'whenScaled'): boolean {
    return stringAt(this.#set, 'spec', 'persistentVolumeClaimRetentionPolicy', when) === 'Delete';
  }

  /** Those that are missing. Throws what the API says. */
  make(ordinal: number): void {
    const { namespace } = this.#set.metadata;
    for (const { name: of, template } of this.#templates) {
      const name = this.#nameOf(of, ordinal);
      if (this.#store.get('persistentvolumeclaims', { namespace, name }) !== undefined) continue;
      const metadata = objectAt(template, 'metadata');
      this.#store.create('persistentvolumeclaims', {
        metadata: {
          name,
          namespace: namespace ?? '',
          labels: {
            ...stringMapAt(metadata, 'labels'),
            ...stringMapAt(objectAt(this.#set, 'spec', 'selector'), 'matchLabels'),
          },
          annotations: stringMapAt(metadata, 'annotations'),
          ...(this.#policy('whenDeleted') ? { ownerReferences: [controllerReference(this.#set)] } : {}),
        },
        spec: structuredClone(objectAt(template, 'spec') ?? {}),
      });
    }
  }

  /** A claim takes the place of a volume of its name that the pod's template has. */
  mountIn(podSpec: JsonObject, ordinal: number): void {
    const own = this.#templates.map(({ name }) => ({
      name,
      persistentVolumeClaim: { claimName: this.#nameOf(name, ordinal) },
    }));
    if (own.length === 0) return;
    const names = own.map(({ name }) => name);
    const others = listAt(podSpec, 'volumes').filter((volume) => !names.includes(stringAt(volume, 'name') ?? ''));
    podSpec['volumes'] = [...others, ...own];
  }

  /** Of a pod that is one too many: kept, unless the set says otherwise. Its claims go when it has gone. */
  leave(pod: KubeObject): void {
    const ordinal = ordinalOf(this.#set, pod);
    if (ordinal === undefined || !this.#policy('whenScaled')) return;
    const { namespace } = this.#set.metadata;
    for (const { name: of } of this.#templates) {
      const key = { namespace, name: this.#nameOf(of, ordinal) };
      if (this.#store.get('persistentvolumeclaims', key) !== undefined)
        this.#store.delete('persistentvolumeclaims', key);
    }
  }
}
