import type { MessageInitShape } from '@bufbuild/protobuf';
import { packetText } from '../packet-text.ts';
import type { VerifyView } from '../views/verify.ts';
import type { NodeProof, NodeProofSchema } from './gen/inventory/inventory_pb.js';

type Message = Exclude<MessageInitShape<typeof NodeProofSchema>, NodeProof>;
/** What a node tells of a proof, but for its name. */
export type ProofMessage = Omit<Message, '$typeName' | 'name'>;
type Pair = VerifyView['pairs'][number];
type Difference = VerifyView['differences'][number];

/** The name of no tenant: all that are not named. */
export const OTHERS = '*';
/** Every cluster has it, and it is nobody's secret. */
const SYSTEM = 'system';

/** Whose proofs somebody may see: those of tenants of which he may see all flows; undefined: of all. */
export type ProofSight = ReadonlySet<string> | undefined;

/** From the best that can be said of two to the worst. */
const STANDINGS: readonly Pair['standing'][] = ['empty', 'isolated', 'shared', 'together', 'broken'];

/**
 * A proof as somebody may see it. Of tenants that are not his it is told together how they stand to his: neither who they are,
 * nor how many, nor what they have. When it was proved and how long that took would say how much there is of others.
 */
export function seenProof(view: VerifyView, sight: ProofSight): ProofMessage {
  return sight === undefined ? wholeProof(view) : ownProof(view, sight);
}

function wholeProof({ at, tookMs, good, pairs, differences, more }: VerifyView): ProofMessage {
  const unlisted = more === 0 ? [] : [{ effect: 'other', packets: `and ${more} more` }];
  return {
    isWhole: true,
    at,
    tookMs,
    good,
    tenants: [...new Set(pairs.flatMap(({ from, to }) => [from, to]))].toSorted(),
    pairs: pairs.filter(({ standing }) => standing !== 'isolated').map(pairMessage),
    differences: [...differences.map(differenceMessage), ...unlisted],
  };
}

function ownProof(view: VerifyView, own: ReadonlySet<string>): ProofMessage {
  const column = (name: string): string => (own.has(name) || name === SYSTEM ? name : OTHERS);
  const cells = new Map<string, Pair>();
  for (const pair of view.pairs) {
    if (!own.has(pair.from) && !own.has(pair.to)) continue;
    const [from, to] = [column(pair.from), column(pair.to)];
    const isOwn = own.has(pair.from) && own.has(pair.to);
    // Whether others have pods is theirs to know.
    const standing = pair.standing === 'empty' && !isOwn ? 'isolated' : pair.standing;
    const seen = isOwn ? pair : { from, to, standing, shares: 0 };
    const key = JSON.stringify([from, to]);
    const known = cells.get(key);
    if (known === undefined || worse(seen.standing, known.standing)) cells.set(key, seen);
  }
  const differences = ownDifferences(view, own);
  const told = [...cells.values()];
  // How others stand to each other is nothing that he is told: not that they are apart either.
  const untold = own.has(SYSTEM) ? [] : [untoldPair(SYSTEM, OTHERS), untoldPair(OTHERS, SYSTEM)];
  return {
    isWhole: false,
    good: differences.length === 0 && told.every(({ standing }) => standing !== 'broken'),
    tenants: [...own, ...(own.has(SYSTEM) ? [] : [SYSTEM]), OTHERS].toSorted(),
    pairs: [...told.filter(({ standing }) => standing !== 'isolated').map(pairMessage), ...untold],
    differences,
  };
}

/** Those of the same words are one: how many others there are is not told. */
function ownDifferences({ differences, more }: VerifyView, own: ReadonlySet<string>) {
  const seen = differences.flatMap((one) => ownDifference(one, own) ?? []);
  // Of what is not listed nobody can say whose it is.
  if (more > 0) seen.push(ANYBODYS);
  return [...new Map(seen.map((one) => [JSON.stringify(one), one])).values()];
}

type Told = NonNullable<Message['differences']>[number];
/** Whose an address is: it may be anybody's. */
const ANYBODYS: Told = { effect: 'other', from: '', to: '', packets: '', rows: [], meant: [], packet: '' };

function ownDifference(difference: Difference, own: ReadonlySet<string>): Told | undefined {
  const { fromTenant, toTenant, effect, from = '', to = '', packets = '' } = difference;
  if (fromTenant === undefined && toTenant === undefined) return ANYBODYS;
  const [isFrom, isTo] = [fromTenant, toTenant].map((name) => name !== undefined && own.has(name));
  if (isFrom === true && isTo === true) return differenceMessage(difference);
  if (isFrom !== true && isTo !== true) return undefined;
  // Rows name the other end by its number, and the packet by its address.
  return { ...ANYBODYS, effect, from: isFrom === true ? from : OTHERS, to: isTo === true ? to : OTHERS, packets };
}

const untoldPair = (from: string, to: string) => ({ from, to, standing: 'untold', shares: 0 });

const worse = (a: Pair['standing'], b: Pair['standing']): boolean => STANDINGS.indexOf(a) > STANDINGS.indexOf(b);

function pairMessage({ from, to, standing, shares, example }: Pair): NonNullable<Message['pairs']>[number] {
  return { from, to, standing, shares, ...(example === undefined ? {} : { example: { ...example } }) };
}

function differenceMessage({ effect, from, to, packets, rows, meant, packet }: Difference): Told {
  return {
    effect,
    from: from ?? '',
    to: to ?? '',
    packets: packets ?? (from === undefined ? '' : 'all packets'),
    rows,
    meant,
    packet: packet === undefined ? '' : packetText(packet),
  };
}
