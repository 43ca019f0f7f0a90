const BINARY = ['Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
const DECIMAL: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
};

/** The number that a Kubernetes quantity (`500m`, `64Mi`, `1e3`) stands for; `undefined` when it is none. */
export function quantity(text: string): number | undefined {
  const match = /^([+-]?(?:\d+\.?\d*|\.\d+))(?:[eE]([+-]?\d+)|([KMGTPE]i|[numkMGTPE]))?$/.exec(text);
  if (match === null) return undefined;
  const [, digits = '', exponent, suffix] = match;
  if (exponent !== undefined) return Number(`${digits}e${exponent}`);
  if (suffix === undefined) return Number(digits);
  const power = BINARY.indexOf(suffix);
  return Number(digits) * (power < 0 ? (DECIMAL[suffix] ?? 1) : 1024 ** (power + 1));
}
