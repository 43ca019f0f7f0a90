import { z } from 'zod';
import { metricsSection } from '../api/configuration.ts';
import {
  absolutePath,
  type ConfigFailures,
  gatherSettings,
  keysOf,
  logSection,
  parseSettings,
  type Settings,
} from '../base/configuration.ts';
import { tenancySchema } from '../tenant/index.ts';
import { operatorErrors } from './errors.ts';

const name = z.string().regex(/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/, 'must be the name of an object');
const seconds = z.number().min(0).max(1_000_000);

const leaseSchema = z
  .strictObject({
    name: name.default('membrane-operator').describe('Lease that says which operator works.'),
    namespace: name
      .optional()
      .describe("Where it is. Default: the namespace of the pod, or of the kubeconfig's context."),
    seconds: z
      .int()
      .min(3)
      .max(3_600)
      .default(15)
      .describe(
        'How long after its last sign of life another takes over. Two thirds of it without an answer, and it stops by itself.',
      ),
  })
  .prefault({});

const identitySchema = z
  .strictObject({
    grace: seconds
      .default(600)
      .describe('Seconds that a number that no pod has stays with its workload, unless it is needed.'),
    rest: seconds
      .default(30)
      .describe(
        'Seconds at least from the mark on a number to its deletion. It is deleted later when nodes have not said that it means nobody there.',
      ),
    interval: seconds.min(0.1).default(10).describe('Seconds from one look to the next.'),
    namespaceShare: z
      .number()
      .min(0.01)
      .max(100)
      .default(10)
      .describe(
        "As the agents' identity.namespaceShare: percent of the 65,280 numbers for one namespace. When it has three quarters of them, or when three quarters of all are given out, those without pods are taken back without grace.",
      ),
  })
  .prefault({});

const hubbleSchema = z
  .strictObject({
    certificates: z
      .boolean()
      .default(true)
      .describe('Make the certificates by which relay and nodes know each other, and make them anew in time.'),
    relayNamespace: name.default('kube-system').describe('Where the relay is, and the Secret with its certificate.'),
  })
  .prefault({});

/** The operator's configuration; every key has a default. Unknown keys are refused. */
export const configSchema = z.strictObject({
  kubeconfig: absolutePath
    .optional()
    .describe("How to reach the API server. Default: the files of KUBECONFIG, else the pod's service account."),
  apiServer: z
    .string()
    .regex(/^(https?:\/\/)?[^\s/]+(\/\S*)?$/, 'must be like 192.0.2.10:6443 or https://api.example:6443')
    .optional()
    .describe('Where the API server is, whatever the kubeconfig or the environment say.'),
  watchSeconds: z
    .int()
    .min(1)
    .max(3_600)
    .default(30)
    .describe('Seconds that the API server keeps one watch; 5 s of silence more and it is asked anew.'),
  lease: leaseSchema,
  identity: identitySchema,
  tenancy: tenancySchema,
  mirrors: z
    .boolean()
    .default(false)
    .describe(
      'Write what the floor between tenants does as NetworkPolicies, for scanners that read nothing else: labelled membrane.io/mirror, enforced by nobody. False: those that there are go.',
    ),
  hubble: hubbleSchema,
  metrics: metricsSection('the operator', 9964),
  log: logSection('info'),
});

export type OperatorConfig = z.output<typeof configSchema>;

const failures: ConfigFailures = {
  unreadable: (detail, cause) => operatorErrors.make('E_OPERATOR_CONFIG_FILE', { detail, cause }),
  invalid: (detail) => operatorErrors.make('E_OPERATOR_CONFIG', { detail }),
};

/** E_OPERATOR_CONFIG_FILE, E_OPERATOR_CONFIG. */
export function readConfig(settings: Settings): OperatorConfig {
  return parseSettings(gatherSettings(settings, { schema: configSchema, failures }), configSchema, failures);
}

export const configKeys = () => keysOf(configSchema);
