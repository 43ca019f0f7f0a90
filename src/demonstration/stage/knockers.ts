import type { Actor, Stage } from './stage.ts';
import type { Tenant } from './tenants.ts';

/** Two pods of a tenant that nothing may be sent to. */
export type Knockers = { readonly asker: Actor; readonly asked: Actor };

/** On the stage's own node, whose agent then tells of all that goes on between them: those of the example may be on any. */
export async function knockers(stage: Stage, tenant: Tenant): Promise<Knockers> {
  const start = (name: string): Promise<Actor> =>
    stage.startPod({ namespace: tenant, name, labels: { app: 'knock', role: name } });
  const [asker, asked] = await Promise.all([start('asker'), start('asked')]);
  return { asker, asked };
}
