import type { ResourceDefinition } from '../resource.ts';
import { validatingAdmissionPolicies, validatingAdmissionPolicyBindings } from './admission-policies.ts';
import { namespaces, nodes } from './cluster.ts';
import { configMaps, leases, secrets, serviceAccounts } from './config.ts';
import { customResourceDefinitions } from './custom-resource-definitions.ts';
import { podDisruptionBudgets } from './disruption-budgets.ts';
import { events } from './events.ts';
import { pods } from './pods.ts';
import { policies } from './policies.ts';
import { clusterRoleBindings, clusterRoles, roleBindings, roles } from './rbac.ts';
import { serviceCidrs } from './service-cidrs.ts';
import { endpointSlices, endpoints, services } from './services.ts';
import { storedOnly } from './stored/index.ts';
import { controllerRevisions } from './workloads/controller-revisions.ts';
import { cronJobs } from './workloads/cron-jobs.ts';
import { daemonSets } from './workloads/daemon-sets.ts';
import { deployments } from './workloads/deployments.ts';
import { jobs } from './workloads/jobs.ts';
import { replicaSets } from './workloads/replica-sets.ts';
import { replicationControllers } from './workloads/replication-controllers.ts';
import { statefulSets } from './workloads/stateful-sets.ts';

/** Every kind that is stored. To add one, write its definition and name it here. */
export const resources: readonly ResourceDefinition[] = [
  namespaces,
  nodes,
  pods,
  services,
  endpoints,
  events,
  configMaps,
  secrets,
  serviceAccounts,
  endpointSlices,
  ...policies,
  serviceCidrs,
  leases,
  deployments,
  replicaSets,
  replicationControllers,
  jobs,
  cronJobs,
  statefulSets,
  daemonSets,
  controllerRevisions,
  roles,
  roleBindings,
  clusterRoles,
  clusterRoleBindings,
  podDisruptionBudgets,
  customResourceDefinitions,
  validatingAdmissionPolicies,
  validatingAdmissionPolicyBindings,
  ...storedOnly,
];
