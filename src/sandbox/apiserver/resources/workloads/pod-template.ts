import { ensureObject, objectAt, setDefault } from '../../json.ts';
import type { KubeObject } from '../../object.ts';
import { setPodSpecDefaults } from '../pod-defaults.ts';

/** Of what keeps a number of pods after a template. */
export function setTemplateDefaults(object: KubeObject): void {
  const spec = objectAt(object, 'spec', 'template', 'spec');
  if (spec !== undefined) setPodSpecDefaults(spec);
}

export function setReplicasDefault(object: KubeObject): void {
  setDefault(ensureObject(object, 'spec'), 'replicas', 1);
}

/** Nobody but its controller says what became of a new object. */
export function clearStatus(status: object = {}) {
  return (object: KubeObject): void => {
    object['status'] = { ...status };
  };
}
