import { create, type DescField, type DescMessage } from '@bufbuild/protobuf';
import type { FieldMask } from '@bufbuild/protobuf/wkt';
import type { FlowInit } from './flow-message.ts';
import { type Flow, FlowSchema } from './gen/flow/flow_pb.js';

/** A field that is wanted: whole, or these of its own. */
type Wanted = { readonly field: DescField; readonly parts: readonly Wanted[] | undefined };

/**
 * Sent always: Hubble's client prints its column of types and the names of policies from these, and its own mask, which it
 * sends unasked, has none of them.
 */
const ALWAYS = [
  'policy_match_type',
  'traffic_direction',
  'drop_reason_desc',
  'trace_observation_point',
  'egress_allowed_by',
  'ingress_allowed_by',
  'egress_denied_by',
  'ingress_denied_by',
];

/** Of a flow only what is asked for, and what is sent always; without a mask everything. */
export function askedFields(mask: FieldMask | undefined): (flow: FlowInit) => FlowInit {
  if (mask === undefined || mask.paths.length === 0) return (flow) => flow;
  const wanted = wantedOf(
    FlowSchema,
    [...mask.paths, ...ALWAYS].map((path) => path.split('.')),
  );
  return (flow) => picked(flow, wanted);
}

/** Of a flow only what these paths name (`source.pod_name`); everything where there are none. Throws for one that names no field. */
export function flowMask(paths: readonly string[]): (flow: Flow) => Flow {
  if (paths.length === 0) return (flow) => flow;
  const unknown = paths.find((path) => !isField(FlowSchema, path.split('.')));
  if (unknown !== undefined) throw new TypeError(`a flow has no field ${JSON.stringify(unknown)}`);
  const wanted = wantedOf(
    FlowSchema,
    paths.map((path) => path.split('.')),
  );
  return (flow) => create(FlowSchema, picked(flow, wanted));
}

function isField(schema: DescMessage, [name, ...rest]: readonly string[]): boolean {
  const field = schema.fields.find((one) => one.name === name);
  if (field === undefined) return false;
  return rest.length === 0 || (field.fieldKind === 'message' && isField(field.message, rest));
}

/** What no version known here has a client of a later one may ask for: it is not there, as it would be empty. */
function wantedOf(schema: DescMessage, paths: readonly (readonly string[])[]): Wanted[] {
  return Array.from(Map.groupBy(paths, ([name = '']) => name)).flatMap(([name, same]): Wanted[] => {
    const field = schema.fields.find((one) => one.name === name);
    if (field === undefined) return [];
    const rests = same.map(([, ...rest]) => rest);
    if (rests.some(({ length }) => length === 0)) return [{ field, parts: undefined }];
    return field.fieldKind === 'message' ? [{ field, parts: wantedOf(field.message, rests) }] : [];
  });
}

/** Of a message, or of what one is made of, what one is made of. */
function picked(from: object, wanted: readonly Wanted[]): object {
  const source = from as Readonly<Record<string, unknown>>;
  const target: Record<string, unknown> = {};
  for (const { field, parts } of wanted) {
    const whole = (value: unknown): unknown =>
      parts === undefined || typeof value !== 'object' || value === null ? value : picked(value, parts);
    if (field.oneof === undefined) {
      const value = source[field.localName];
      if (value !== undefined) target[field.localName] = whole(value);
      continue;
    }
    const held = source[field.oneof.localName] as { readonly case?: string; readonly value?: unknown } | undefined;
    if (held?.case === field.localName) target[field.oneof.localName] = { case: held.case, value: whole(held.value) };
  }
  return target;
}
