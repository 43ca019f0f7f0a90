import {
  boolean,
  fields,
  int32,
  int64,
  intOrString,
  list,
  listBy,
  type Schema,
  type StructSchema,
  string,
  strings,
  struct,
} from './dsl.ts';
import { objectFieldSelector, resourceFieldSelector, resourceRequirements } from './volume.ts';

const CORE = 'io.k8s.api.core.v1';

const keySelector = (name: string): StructSchema =>
  struct(`${CORE}.${name}`, { ...fields(string, 'name', 'key'), optional: boolean }, { atomic: true });
const sourceByName = (name: string): StructSchema => struct(`${CORE}.${name}`, { name: string, optional: boolean });

const execAction = struct(`${CORE}.ExecAction`, { command: strings });
const httpGetAction = struct(`${CORE}.HTTPGetAction`, {
  ...fields(string, 'path', 'host', 'scheme'),
  port: intOrString,
  httpHeaders: list(struct(`${CORE}.HTTPHeader`, fields(string, 'name', 'value'))),
});
const tcpSocketAction = struct(`${CORE}.TCPSocketAction`, { port: intOrString, host: string });

export const probe = struct(`${CORE}.Probe`, {
  exec: execAction,
  httpGet: httpGetAction,
  tcpSocket: tcpSocketAction,
  grpc: struct(`${CORE}.GRPCAction`, { port: int32, service: string }),
  ...fields(int32, 'initialDelaySeconds', 'timeoutSeconds', 'periodSeconds', 'successThreshold', 'failureThreshold'),
  terminationGracePeriodSeconds: int64,
});

const lifecycleHandler = struct(`${CORE}.LifecycleHandler`, {
  exec: execAction,
  httpGet: httpGetAction,
  tcpSocket: tcpSocketAction,
  sleep: struct(`${CORE}.SleepAction`, { seconds: int64 }),
});

export const seLinuxOptions = struct(`${CORE}.SELinuxOptions`, fields(string, 'user', 'role', 'type', 'level'));
export const seccompProfile = struct(`${CORE}.SeccompProfile`, fields(string, 'type', 'localhostProfile'));
export const appArmorProfile = struct(`${CORE}.AppArmorProfile`, fields(string, 'type', 'localhostProfile'));
export const windowsOptions = struct(`${CORE}.WindowsSecurityContextOptions`, {
  ...fields(string, 'gmsaCredentialSpecName', 'gmsaCredentialSpec', 'runAsUserName'),
  hostProcess: boolean,
});

const securityContext = struct(`${CORE}.SecurityContext`, {
  capabilities: struct(`${CORE}.Capabilities`, { add: strings, drop: strings }),
  ...fields(boolean, 'privileged', 'runAsNonRoot', 'readOnlyRootFilesystem', 'allowPrivilegeEscalation'),
  ...fields(int64, 'runAsUser', 'runAsGroup'),
  procMount: string,
  seLinuxOptions,
  seccompProfile,
  appArmorProfile,
  windowsOptions,
});

const containerPort = struct(
  `${CORE}.ContainerPort`,
  { ...fields(string, 'name', 'hostIP', 'protocol'), ...fields(int32, 'containerPort', 'hostPort') },
  { required: ['containerPort'] },
);

const containerFields: Record<string, Schema> = {
  ...fields(string, 'name', 'image', 'workingDir', 'imagePullPolicy', 'restartPolicy'),
  ...fields(string, 'terminationMessagePath', 'terminationMessagePolicy'),
  ...fields(boolean, 'stdin', 'stdinOnce', 'tty'),
  ...fields(probe, 'livenessProbe', 'readinessProbe', 'startupProbe'),
  command: strings,
  args: strings,
  ports: list(containerPort, {
    mergeKey: 'containerPort',
    listType: 'map',
    mapKeys: ['containerPort', 'protocol'],
  }),
  envFrom: list(
    struct(`${CORE}.EnvFromSource`, {
      prefix: string,
      configMapRef: sourceByName('ConfigMapEnvSource'),
      secretRef: sourceByName('SecretEnvSource'),
    }),
  ),
  env: listBy(
    'name',
    struct(`${CORE}.EnvVar`, {
      ...fields(string, 'name', 'value'),
      valueFrom: struct(`${CORE}.EnvVarSource`, {
        fieldRef: objectFieldSelector,
        resourceFieldRef: resourceFieldSelector,
        configMapKeyRef: keySelector('ConfigMapKeySelector'),
        secretKeyRef: keySelector('SecretKeySelector'),
      }),
    }),
  ),
  resources: resourceRequirements,
  resizePolicy: list(struct(`${CORE}.ContainerResizePolicy`, fields(string, 'resourceName', 'restartPolicy'))),
  volumeMounts: listBy(
    'mountPath',
    struct(`${CORE}.VolumeMount`, {
      ...fields(string, 'name', 'mountPath', 'subPath', 'subPathExpr', 'mountPropagation', 'recursiveReadOnly'),
      readOnly: boolean,
    }),
  ),
  volumeDevices: listBy('devicePath', struct(`${CORE}.VolumeDevice`, fields(string, 'name', 'devicePath'))),
  lifecycle: struct(`${CORE}.Lifecycle`, {
    postStart: lifecycleHandler,
    preStop: lifecycleHandler,
    stopSignal: string,
  }),
  securityContext,
};

export const container = struct(`${CORE}.Container`, containerFields, { required: ['name'] });
export const ephemeralContainer = struct(
  `${CORE}.EphemeralContainer`,
  { ...containerFields, targetContainerName: string },
  { required: ['name'] },
);
