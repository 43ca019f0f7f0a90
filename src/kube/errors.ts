import { errorTable } from '../base/index.ts';

export const kubeErrors = errorTable({
  E_KUBE_CONFIG: {
    what: 'the kubeconfig cannot be used',
    remedy:
      'Check the file with "kubectl --kubeconfig FILE config view", and that current-context names a context in it.',
  },
  E_KUBE_EXEC_AUTH: {
    what: 'the credential plugin of the kubeconfig gives no credentials',
    remedy:
      'Run its command by hand, as root and without a terminal: "kubectl --kubeconfig FILE get nodes </dev/null" runs it the same way.',
  },
  E_KUBE_NOT_IN_CLUSTER: {
    what: 'there is no service account of a pod here',
    remedy: 'Name a kubeconfig in the configuration, or run as a pod with a mounted service account token.',
  },
  E_KUBE_UNREACHABLE: {
    what: 'the Kubernetes API server cannot be reached',
    remedy: 'Check that the server of the kubeconfig is up and reachable from this node.',
  },
  E_KUBE_TIMEOUT: {
    what: 'the Kubernetes API server did not answer in time',
    remedy: 'Check the load of the API server and the network between it and this node.',
  },
  E_KUBE_SILENT: {
    what: 'the Kubernetes API server fell silent in the middle of an answer',
    remedy:
      'Look for a proxy, load balancer or firewall between the API server and this node that drops connections without a word. It is asked anew.',
  },
  E_KUBE_RESPONSE: {
    what: 'the Kubernetes API server gave an answer that makes no sense',
    remedy: 'Check that the server of the kubeconfig is a Kubernetes API server and not a proxy or another service.',
  },
  E_KUBE_TOO_LARGE: {
    what: 'an answer of the Kubernetes API server is larger than is accepted',
    remedy: 'Find the oversized objects (kubectl get -o json | wc -c) and delete them.',
  },
  E_KUBE_UNAUTHORIZED: {
    what: 'the Kubernetes API server does not accept the credentials',
    remedy: 'Check the token or the certificate of the kubeconfig, and that it has not expired.',
  },
  E_KUBE_FORBIDDEN: {
    what: 'the Kubernetes API server denies the request',
    remedy: 'Grant the right that it names to the user or service account of the agent.',
  },
  E_KUBE_NOT_FOUND: { what: 'there is no such Kubernetes object', remedy: 'Check the name and the namespace.' },
  E_KUBE_NO_KIND: {
    what: 'the cluster does not know this kind: apply deploy/crds, which defines it',
    remedy:
      'Run `kubectl apply -f deploy/crds` of the release that this agent is of; the agent goes on by itself then.',
  },
  E_KUBE_OTHER_KIND: {
    what: 'the cluster defines this kind otherwise than this release does',
    remedy:
      'Run `kubectl apply -f deploy/crds` of the newest release that runs on a node (Helm leaves definitions that it finds as they are); it is tried again by itself.',
  },
  E_KUBE_CONFLICT: {
    what: 'the Kubernetes object exists already or was changed by somebody else',
    remedy: 'Read it again and repeat the change.',
  },
  E_KUBE_GONE: {
    what: 'the resource version is too old',
    remedy: 'List again; a reflector does this by itself.',
  },
  E_KUBE_INVALID: { what: 'the Kubernetes API server refuses the object', remedy: 'Correct the fields it names.' },
  E_KUBE_SERVER: {
    what: 'the Kubernetes API server failed',
    remedy: 'Look at the log of the API server; the request is repeated where that is safe.',
  },
});

export type KubeErrorCode = keyof typeof kubeErrors.specs;

/** The code for an HTTP status of the API server. */
export function codeOfStatus(status: number): KubeErrorCode {
  switch (status) {
    case 401:
      return 'E_KUBE_UNAUTHORIZED';
    case 403:
      return 'E_KUBE_FORBIDDEN';
    case 404:
      return 'E_KUBE_NOT_FOUND';
    case 409:
      return 'E_KUBE_CONFLICT';
    case 410:
      return 'E_KUBE_GONE';
    case 408:
    case 504:
      return 'E_KUBE_TIMEOUT';
    default:
      return status >= 400 && status < 500 && status !== 429 ? 'E_KUBE_INVALID' : 'E_KUBE_SERVER';
  }
}
