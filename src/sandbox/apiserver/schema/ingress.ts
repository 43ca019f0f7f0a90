import { fields, int32, list, string, strings, struct } from './dsl.ts';
import { objectFields } from './meta.ts';
import { typedLocalObjectReference } from './volume.ts';

const NETWORKING = 'io.k8s.api.networking.v1';

const backend = struct(`${NETWORKING}.IngressBackend`, {
  service: struct(
    `${NETWORKING}.IngressServiceBackend`,
    { name: string, port: struct(`${NETWORKING}.ServiceBackendPort`, { name: string, number: int32 }) },
    { required: ['name'] },
  ),
  resource: typedLocalObjectReference,
});

const path = struct(
  `${NETWORKING}.HTTPIngressPath`,
  { ...fields(string, 'path', 'pathType'), backend },
  { required: ['pathType', 'backend'] },
);

export const ingress = struct(`${NETWORKING}.Ingress`, {
  ...objectFields,
  spec: struct(`${NETWORKING}.IngressSpec`, {
    ingressClassName: string,
    defaultBackend: backend,
    tls: list(struct(`${NETWORKING}.IngressTLS`, { hosts: strings, secretName: string })),
    rules: list(
      struct(`${NETWORKING}.IngressRule`, {
        host: string,
        http: struct(`${NETWORKING}.HTTPIngressRuleValue`, { paths: list(path) }, { required: ['paths'] }),
      }),
    ),
  }),
  status: struct(`${NETWORKING}.IngressStatus`, {
    loadBalancer: struct(`${NETWORKING}.IngressLoadBalancerStatus`, {
      ingress: list(
        struct(`${NETWORKING}.IngressLoadBalancerIngress`, {
          ...fields(string, 'ip', 'hostname'),
          ports: list(
            struct(`${NETWORKING}.IngressPortStatus`, { port: int32, ...fields(string, 'protocol', 'error') }),
          ),
        }),
      ),
    }),
  }),
});

export const ingressClass = struct(`${NETWORKING}.IngressClass`, {
  ...objectFields,
  spec: struct(`${NETWORKING}.IngressClassSpec`, {
    controller: string,
    parameters: struct(
      `${NETWORKING}.IngressClassParametersReference`,
      fields(string, 'apiGroup', 'kind', 'name', 'scope', 'namespace'),
    ),
  }),
});
