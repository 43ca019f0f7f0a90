import type { VerifyView } from '../../api/index.ts';
import type { SaidProof, TenantTold } from '../../model/index.ts';

/** Of a message, characters. */
const LONGEST = 300;
/** The name of no tenant. */
const EVERYBODY = '';

/** A proof as the cluster is told of it: by tenants, each with the first that concerns it. */
export function saidOf(
  { at, tenants, differences, more, pairs }: VerifyView,
  { limited, ineffective }: Pick<SaidProof, 'limited' | 'ineffective'>,
): SaidProof {
  const differing = new Map<string, string>();
  const open = new Map<string, string>();
  const add = (to: Map<string, string>, tenant: string, message: string): void => {
    if (!to.has(tenant)) to.set(tenant, message.slice(0, LONGEST));
  };
  for (const difference of differences) {
    const { fromTenant, toTenant, effect } = difference;
    const message = textOf(difference);
    const isAnybody = fromTenant === undefined && toTenant === undefined;
    // Of pods that are no tenant's there is no Tenant to say it of.
    const named = [fromTenant, toTenant].filter((one): one is string => one !== undefined && one !== '');
    for (const tenant of isAnybody ? [EVERYBODY] : named) {
      add(differing, tenant, message);
      if (effect !== 'closes' && (isAnybody || fromTenant !== toTenant)) add(open, tenant, message);
    }
  }
  for (const { from, to, standing } of pairs) {
    if (standing !== 'broken') continue;
    for (const tenant of [from, to])
      if (tenant !== '') add(open, tenant, `${from || 'nobody'} reaches ${to || 'nobody'}`);
  }
  if (more > 0) for (const to of [differing, open]) add(to, EVERYBODY, `${more} more differences than are listed`);
  const list = (told: ReadonlyMap<string, string>): TenantTold[] =>
    Array.from(told, ([tenant, message]) => ({ tenant, message }));
  return {
    at: Date.parse(at),
    tenants: new Map(tenants.map(({ name, generation }) => [name, generation])),
    differing: list(differing),
    open: list(open),
    limited,
    ineffective,
  };
}

function textOf({ from, to, packets, rows, packet }: VerifyView['differences'][number]): string {
  const pair = from === undefined ? '' : `${from} -> ${to}: `;
  const sent =
    packet === undefined
      ? (packets ?? '')
      : `${packet.protocol}${packet.port === undefined ? '' : ` ${packet.port}`} from ${packet.from} to ${packet.to} ${packet.sent ?? packet.claimed}`;
  return `${pair}${sent}${sent === '' ? '' : '; '}${rows.join('; ')}`;
}
