import { z } from 'zod';
import { isMembraneError } from '../base/index.ts';
import type { ObjectRow, TenantRow } from '../model/index.ts';
import type { KubeClient, ObjectRef } from './client.ts';
import { metadata } from './resources/meta.ts';
import type { Resource } from './resources/resource.ts';
import { TENANT } from './resources/tenant.ts';

/** Keeps a Tenant that is being deleted while it has namespaces: they would be nobody's, and open. */
export const TENANT_FINALIZER = 'membrane.io/namespaces';

const TENANT_CONDITIONS = [
  'MembershipClear',
  'ImportsResolved',
  'BoundaryEnforced',
  'Isolated',
  'WithinLimits',
] as const;
const STATUSES = ['True', 'False', 'Unknown'] as const;

export type TenantCondition = {
  readonly type: (typeof TENANT_CONDITIONS)[number];
  readonly status: (typeof STATUSES)[number];
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration: number;
  readonly lastTransitionTime: string;
};

export type TenantStatus = {
  readonly observedGeneration: number;
  readonly namespaces: readonly string[];
  /** `2/3`: on so many nodes of so many the kernel is as this Tenant says. */
  readonly enforced: string;
  /** Rules of its policies that the floor leaves no effect; undefined: no node says how many. */
  readonly ineffectiveRules?: number | undefined;
  readonly conditions: readonly TenantCondition[];
};

/** A Tenant with what the operator writes of it. */
export type KeptTenant = ObjectRow & {
  readonly tenant: TenantRow;
  readonly generation: number;
  readonly resourceVersion: string;
  readonly finalizers: readonly string[];
  readonly isLeaving: boolean;
  /** As it was written last; whatever else stands there is nothing. */
  readonly status: TenantStatus | undefined;
};

const condition = z.object({
  type: z.enum(TENANT_CONDITIONS),
  status: z.enum(STATUSES),
  reason: z.string(),
  message: z.string(),
  observedGeneration: z.int(),
  lastTransitionTime: z.string(),
});
const status = z.object({
  observedGeneration: z.int(),
  namespaces: z.array(z.string()),
  enforced: z.string(),
  ineffectiveRules: z.int().optional(),
  conditions: z.array(condition),
});
const kept = z.object({
  metadata: metadata.extend({
    generation: z.int().default(0),
    finalizers: z.array(z.string()).nullish(),
    resourceVersion: z.string().default(''),
  }),
  status: z.unknown().optional(),
});

export const KEPT_TENANT: Resource<KeptTenant> = {
  ...TENANT,
  parse: (object) => {
    const { metadata: meta, status: written } = kept.parse(object);
    const found = status.safeParse(written);
    return {
      uid: meta.uid,
      namespace: '',
      name: meta.name,
      tenant: TENANT.parse(object),
      generation: meta.generation,
      resourceVersion: meta.resourceVersion,
      finalizers: meta.finalizers ?? [],
      isLeaving: meta.deletionTimestamp !== null && meta.deletionTimestamp !== undefined,
      status: found.success ? found.data : undefined,
    };
  },
};

/** What an operator writes of Tenants. A false answer: it is another by now, or gone. */
export class TenantObjects {
  readonly #client: KubeClient;

  constructor(client: KubeClient) {
    this.#client = client;
  }

  async setFinalizers({ name, resourceVersion }: KeptTenant, finalizers: readonly string[]): Promise<boolean> {
    return await wasDone(this.#client.patch(refOf(name), { metadata: { resourceVersion, finalizers } }));
  }

  async setStatus({ name }: KeptTenant, next: TenantStatus): Promise<boolean> {
    // What is not named stays as it is.
    const status = { ...next, ineffectiveRules: next.ineffectiveRules ?? null };
    return await wasDone(this.#client.patch(refOf(name), { status }, 'status'));
  }
}

const refOf = (name: string): ObjectRef => ({ resource: TENANT, name });

async function wasDone(answer: Promise<unknown>): Promise<boolean> {
  try {
    await answer;
    return true;
  } catch (error) {
    if (isMembraneError(error, 'E_KUBE_CONFLICT') || isMembraneError(error, 'E_KUBE_NOT_FOUND')) return false;
    throw error;
  }
}
