export { type Certificate, makeCertificate } from './certificate.ts';
export { apiServerErrors } from './errors.ts';
export type { ExecProcess, PodExec, PodExecOptions } from './exec/process.ts';
export { type PodLog, type PodLogOptions } from './http/subresources.ts';
export { at, type Json, type JsonObject, listAt, numberAt, objectAt, stringAt, stringMapAt } from './json.ts';
export { type KubeconfigOptions, kubeconfig } from './kubeconfig.ts';
export { type KubeObject, microTimestamp, type ObjectMeta, timestamp } from './object.ts';
export { type Column, type ResourceDefinition } from './resource.ts';
export { type LabelSelector, labelSelectorOf, matchesLabels, parseLabelSelector } from './selector/label-selector.ts';
export { type ApiServer, type ApiServerOptions, createApiServer, type ListenOptions } from './server.ts';
export { ApiError, isApiError } from './status.ts';
export type { ApiStore, Deletion } from './store/api-store.ts';
export type {
  DeleteOptions,
  ObjectKey,
  SelectOptions,
  WatchEvent,
  WatchOptions,
  WriteOptions,
} from './store/options.ts';
