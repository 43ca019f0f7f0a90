import { X509Certificate } from 'node:crypto';
import { type KeyPair, makeCertificate, type Wish } from './x509.ts';

const DAY_MS = 86_400_000;
const AUTHORITY_DAYS = 3 * 365;
const LEAF_DAYS = 90;
/** Clocks of nodes differ. */
const BEFORE_MS = 3_600_000;
/** The next authority is known to all for so long before it signs: kubelets bring a Secret within minutes. */
const KNOWN_MS = DAY_MS;

/** Who signs, who will, and who did and is still believed. */
export type Authorities = {
  readonly current: KeyPair;
  readonly next?: KeyPair;
  /** PEM. */
  readonly previous?: string;
};

const endOf = (cert: string): number => Date.parse(new X509Certificate(cert).validTo);
const beginOf = (cert: string): number => Date.parse(new X509Certificate(cert).validFrom);

/** Two thirds of its life are over, or it lies in the future: the clock was set. */
function isOld(cert: string, now: number): boolean {
  const [begin, end] = [beginOf(cert), endOf(cert)];
  return now >= begin + ((end - begin) * 2) / 3 || now < begin;
}

function makeAuthority(now: number): KeyPair {
  const from = now - BEFORE_MS;
  return makeCertificate({
    // Of a name of its own: two of one name would be taken for each other.
    commonName: `membrane-hubble-ca-${Math.floor(now / 1_000)}`,
    dns: [],
    usages: [],
    from,
    until: from + AUTHORITY_DAYS * DAY_MS,
  });
}

/** As they are to be now: the same where nothing is due. What cannot be read is made anew. */
export function rotate(known: Authorities | undefined, now: number): Authorities {
  if (known === undefined || endOf(known.current.cert) <= now) return { current: known?.next ?? makeAuthority(now) };
  const { current, next, previous } = known;
  const isGone = previous !== undefined && endOf(previous) <= now;
  if (next !== undefined && now >= beginOf(next.cert) + BEFORE_MS + KNOWN_MS)
    return { current: next, previous: current.cert };
  if (next === undefined && isOld(current.cert, now))
    return { current, next: makeAuthority(now), ...(previous === undefined || isGone ? {} : { previous }) };
  if (isGone) return { current, ...(next === undefined ? {} : { next }) };
  return known;
}

/** All that are believed, PEM. */
export function bundleOf({ current, next, previous }: Authorities): string {
  return [current.cert, next?.cert, previous].filter((cert) => cert !== undefined).join('');
}

/** The one that there is, where it is signed by who signs now, has years in it, and is for these names; or a new one. */
export function leafOf(
  { current }: Authorities,
  wish: Pick<Wish, 'commonName' | 'dns' | 'usages'>,
  known: KeyPair | undefined,
  now: number,
): KeyPair {
  if (known !== undefined && isGood(known, current, wish.dns, now)) return known;
  const from = now - BEFORE_MS;
  const until = Math.min(from + LEAF_DAYS * DAY_MS, endOf(current.cert));
  return makeCertificate({ ...wish, from, until }, current);
}

function isGood({ cert }: KeyPair, by: KeyPair, dns: readonly string[], now: number): boolean {
  const read = new X509Certificate(cert);
  return (
    read.verify(new X509Certificate(by.cert).publicKey) &&
    dns.every((name) => read.checkHost(name) === name) &&
    !isOld(cert, now)
  );
}
