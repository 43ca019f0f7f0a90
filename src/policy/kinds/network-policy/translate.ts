import {
  type Direction,
  EVERYTHING,
  type PodSelector,
  type PolicyEntry,
  type PolicyObject,
  type RuleOrigin,
  unknownField,
} from '../../../model/index.ts';
import type { Reading } from '../kind.ts';
import { inside, members, Reader, readSelector, unreadable } from '../reading/index.ts';
import { names } from './names.ts';
import { type Rule, readRule } from './rule.ts';

/** Which rules of the policy a problem closes. */
const EFFECTS = {
  subject: 'the policy selects every pod of its namespace',
  types: 'the policy isolates both directions',
  rules: 'no rule of the policy admits anybody',
} as const;

/** See `PolicyKind`. What it selects and isolates holds whatever its rules are: a rule that cannot be read admits nobody. */
export function translate({ namespace, name, uid, spec: given, unknownFields }: PolicyObject): Reading {
  const reader = new Reader();
  const top = reader.read(EFFECTS.rules, (place) => {
    place.errors.push(...unknownFields.map(unknownField));
    return unknownFields.length === 0 ? true : undefined;
  });
  const spec = readSpec(given, reader);
  const pods = reader.read(EFFECTS.subject, (place) => readSelector(spec.podSelector, inside(place, 'podSelector')));
  const subject: PodSelector = {
    kind: 'pods',
    namespace: { name: namespace },
    pods: spec.isObject && pods !== undefined ? pods : EVERYTHING,
  };
  const origin = { kind: names.kind, namespace, name, uid };
  const isOpen = spec.isKnown && top === true;
  const entries = directionsOf(spec, reader).flatMap((direction) =>
    entriesOf(readRules(spec[direction], { direction, home: namespace, isOpen }, reader), {
      subject,
      direction,
      origin,
    }),
  );
  return { entries, problems: reader.problems };
}

const FIELDS = ['podSelector', 'policyTypes', 'ingress', 'egress'] as const;

type Spec = Partial<Record<(typeof FIELDS)[number], unknown>> & {
  readonly isObject: boolean;
  /** Every field of it is known. */
  readonly isKnown: boolean;
};

/** The fields that are known, whatever else is there. No spec at all is the empty one, to Kubernetes too. */
function readSpec(value: unknown, reader: Reader): Spec {
  if (value === undefined || value === null) return { isObject: true, isKnown: true };
  const read = (from: unknown, effect: string) => reader.read(effect, (place) => members(from, place, FIELDS));
  if (typeof value !== 'object' || Array.isArray(value)) {
    read(value, `${EFFECTS.subject}, isolates both directions and admits nobody`);
    return { isObject: false, isKnown: false, policyTypes: ['Ingress', 'Egress'] };
  }
  const isKnown = read(value, EFFECTS.rules) !== undefined;
  const known = Object.entries(value).filter(([key]) => FIELDS.some((field) => field === key));
  return { isObject: true, isKnown, ...read(Object.fromEntries(known), '') };
}

/** Ingress when no types are given, and egress when there are egress rules. */
function directionsOf({ policyTypes, egress }: Spec, reader: Reader): Direction[] {
  const both: Direction[] = ['ingress', 'egress'];
  const types = reader.read(EFFECTS.types, (place) => {
    const at = inside(place, 'policyTypes');
    if (policyTypes === undefined) return [];
    if (!Array.isArray(policyTypes)) return unreadable(at, policyTypes, 'expected a list');
    const strange = policyTypes.flatMap((type, index) => (type === 'Ingress' || type === 'Egress' ? [] : [index]));
    for (const index of strange) unreadable(inside(at, index), policyTypes[index], 'must be Ingress or Egress');
    return strange.length === 0 ? policyTypes : undefined;
  });
  if (types === undefined) return both;
  if (types.length > 0) return both.filter((direction) => types.some((type) => type.toLowerCase() === direction));
  return egress === undefined || (Array.isArray(egress) && egress.length === 0) ? ['ingress'] : both;
}

type Section = {
  readonly direction: Direction;
  readonly home: string;
  /** False: the rules are read, but none admits anybody. */
  readonly isOpen: boolean;
};

/** Every rule of a section; undefined for one that admits nobody. */
function readRules(value: unknown, { direction, home, isOpen }: Section, reader: Reader): (Rule | undefined)[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) {
    const effect = `no ${direction} rule admits anybody`;
    reader.read(effect, (place) => unreadable(inside(place, direction), value, 'expected a list'));
    return [];
  }
  const side = direction === 'ingress' ? 'from' : 'to';
  return value.map((item, index) => {
    const effect = `${direction} rule ${index} admits nobody`;
    const rule = reader.read(effect, (place) => readRule(item, inside(inside(place, direction), index), side, home));
    return isOpen ? rule : undefined;
  });
}

type Common = {
  readonly subject: PodSelector;
  readonly direction: Direction;
  readonly origin: Omit<RuleOrigin, 'direction' | 'rule'>;
};

const NOBODY = { peers: [], ports: 'any' } as const;
const CLOSED = { ...NOBODY, closed: 'unreadable' } as const;

/** One entry a rule; without rules one that admits nobody, for the isolation. */
function entriesOf(rules: readonly (Rule | undefined)[], { subject, direction, origin }: Common): PolicyEntry[] {
  const common = { subject, direction, tier: 'network', order: 0, verdict: 'allow', isolates: true } as const;
  if (rules.length === 0) return [{ ...common, ...NOBODY, origin: { ...origin, direction } }];
  return rules.map((read, rule) => ({ ...common, ...(read ?? CLOSED), origin: { ...origin, direction, rule } }));
}
