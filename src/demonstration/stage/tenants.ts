import { namespacedName } from '../../base/index.ts';
import type { Actor, Stage } from './stage.ts';

/** The tenants of examples/two-tenants: each has a frontend, and a backend that only the frontend may reach. */
export const TENANTS = ['tenant-a', 'tenant-b'] as const;
export type Tenant = (typeof TENANTS)[number];
export const FRONTEND = { app: 'shop', role: 'frontend' } as const;
export const BACKEND = { app: 'shop', role: 'backend' } as const;
/** The one port that the backend's policy opens, TCP. */
export const BACKEND_PORT = 8080;
/** The backend listens there too, and no policy opens it. */
export const DEBUG_PORT = 9090;

export type TenantScene = { readonly frontend: Actor; readonly backend: Actor; readonly other: Actor };

export async function tenantScene(stage: Stage, tenant: Tenant): Promise<TenantScene> {
  const [frontend, backend, other] = await Promise.all([
    stage.tenant(tenant, 'frontend'),
    stage.tenant(tenant, 'backend'),
    stage.tenant(tenant, 'other'),
  ]);
  return { frontend, backend, other };
}

export function podName(actor: Pick<Actor, 'namespace' | 'name'>): string {
  return namespacedName(actor);
}
