import { at, ensureObject, isObject, type JsonObject, listAt, objectAt, setDefault, stringAt } from '../json.ts';
import type { KubeObject } from '../object.ts';

const PROBES = ['livenessProbe', 'readinessProbe', 'startupProbe'];

/** What a pod has that its template need not have: the account, and what follows from its own host network and limits. */
export function setPodDefaults(object: KubeObject): void {
  const spec = objectAt(object, 'spec');
  if (spec === undefined) return;
  setDefault(spec, 'enableServiceLinks', true);
  setDefault(spec, 'serviceAccountName', stringAt(spec, 'serviceAccount') || 'default');
  setPodSpecDefaults(spec);
  for (const container of containersOf(spec)) {
    if (at(spec, 'hostNetwork') === true) setHostPorts(container);
    setRequests(container);
  }
}

/** Of a pod or of a template of pods. */
export function setPodSpecDefaults(spec: JsonObject): void {
  setDefault(spec, 'restartPolicy', 'Always');
  setDefault(spec, 'dnsPolicy', 'ClusterFirst');
  setDefault(spec, 'schedulerName', 'default-scheduler');
  setDefault(spec, 'terminationGracePeriodSeconds', 30);
  ensureObject(spec, 'securityContext');
  const account = stringAt(spec, 'serviceAccountName') || stringAt(spec, 'serviceAccount');
  if (account !== undefined) Object.assign(spec, { serviceAccountName: account, serviceAccount: account });
  for (const container of containersOf(spec)) setContainerDefaults(container);
  for (const volume of listAt(spec, 'volumes')) {
    if (isObject(volume)) setVolumeDefaults(volume);
  }
}

function containersOf(spec: JsonObject): JsonObject[] {
  return ['initContainers', 'containers', 'ephemeralContainers'].flatMap((list) => listAt(spec, list).filter(isObject));
}

function setHostPorts(container: JsonObject): void {
  for (const port of listAt(container, 'ports')) {
    if (isObject(port) && port['hostPort'] === undefined && port['containerPort'] !== undefined) {
      port['hostPort'] = port['containerPort'];
    }
  }
}

function setRequests(container: JsonObject): void {
  const limits = objectAt(container, 'resources', 'limits');
  if (limits === undefined) return;
  const requests = ensureObject(ensureObject(container, 'resources'), 'requests');
  for (const [name, value] of Object.entries(limits)) if (requests[name] === undefined) requests[name] = value;
}

function setContainerDefaults(container: JsonObject): void {
  const image = stringAt(container, 'image') ?? '';
  setDefault(container, 'imagePullPolicy', pullPolicyOf(image));
  setDefault(container, 'terminationMessagePath', '/dev/termination-log');
  setDefault(container, 'terminationMessagePolicy', 'File');
  ensureObject(container, 'resources');
  for (const port of listAt(container, 'ports')) {
    if (isObject(port)) setDefault(port, 'protocol', 'TCP');
  }
  for (const name of PROBES) {
    const probe = objectAt(container, name);
    if (probe === undefined) continue;
    setDefault(probe, 'timeoutSeconds', 1);
    setDefault(probe, 'periodSeconds', 10);
    setDefault(probe, 'successThreshold', 1);
    setDefault(probe, 'failureThreshold', 3);
    const grpc = objectAt(probe, 'grpc');
    if (grpc !== undefined) setDefault(grpc, 'service', '');
    setHttpDefaults(probe);
  }
  for (const hook of ['postStart', 'preStop']) setHttpDefaults(objectAt(container, 'lifecycle', hook));
  for (const env of listAt(container, 'env')) {
    const reference = objectAt(env, 'valueFrom', 'fieldRef');
    if (reference !== undefined) setDefault(reference, 'apiVersion', 'v1');
  }
}

/** Of a probe or a hook. */
function setHttpDefaults(handler: JsonObject | undefined): void {
  const http = objectAt(handler, 'httpGet');
  if (http === undefined) return;
  setDefault(http, 'path', '/');
  setDefault(http, 'scheme', 'HTTP');
}

/** `latest`, said or unsaid, is pulled anew; a fixed tag or digest is not. */
function pullPolicyOf(image: string): string {
  const name = image.slice(image.lastIndexOf('/') + 1);
  const colon = name.indexOf(':');
  if (name.includes('@')) return 'IfNotPresent';
  return colon < 0 || name.slice(colon + 1) === 'latest' ? 'Always' : 'IfNotPresent';
}

function setVolumeDefaults(volume: JsonObject): void {
  if (Object.keys(volume).length === 1) volume['emptyDir'] = {};
  for (const key of ['secret', 'configMap', 'downwardAPI', 'projected']) {
    const source = objectAt(volume, key);
    if (source !== undefined) setDefault(source, 'defaultMode', 420);
  }
  const hostPath = objectAt(volume, 'hostPath');
  if (hostPath !== undefined && hostPath['type'] === undefined) hostPath['type'] = '';
}
