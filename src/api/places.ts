/** Where a question is asked, and how it is answered: all that a client needs to know before an answer comes. */
export type Place = {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly kind: 'one' | 'maybe' | 'stream';
};

/** Of every route; what is asked and answered there: routes.ts, which loads what reads schemas. */
export const PLACES = {
  status: read('/v1/status'),
  endpoints: read('/v1/endpoints'),
  endpoint: { ...read('/v1/endpoint'), kind: 'maybe' },
  identities: read('/v1/identities'),
  identity: { ...read('/v1/identity'), kind: 'maybe' },
  policies: read('/v1/policies'),
  trace: { ...read('/v1/trace'), method: 'POST' },
  lint: { ...read('/v1/lint'), method: 'POST' },
  connections: { ...read('/v1/connections'), kind: 'stream' },
  nodes: read('/v1/nodes'),
  services: read('/v1/services'),
  footprint: read('/v1/footprint'),
  doctor: read('/v1/doctor'),
  metrics: read('/v1/metrics'),
  observe: { method: 'POST', path: '/v1/observe', kind: 'stream' },
} as const satisfies Record<string, Place>;

function read<Path extends string>(path: Path) {
  return { method: 'GET', path, kind: 'one' } as const;
}
