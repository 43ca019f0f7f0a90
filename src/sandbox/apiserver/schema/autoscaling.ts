import { int32, string, struct } from './dsl.ts';
import { objectFields } from './meta.ts';

const AUTOSCALING = 'io.k8s.api.autoscaling.v1';

/** What `/scale` of a workload answers and takes. */
export const scale = struct(`${AUTOSCALING}.Scale`, {
  ...objectFields,
  spec: struct(`${AUTOSCALING}.ScaleSpec`, { replicas: int32 }),
  status: struct(`${AUTOSCALING}.ScaleStatus`, { replicas: int32, selector: string }, { required: ['replicas'] }),
});
