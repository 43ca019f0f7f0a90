import { errorTable } from '../base/index.ts';

export const endpointErrors = errorTable({
  E_CNI_ENV: {
    what: 'a CNI environment variable is missing or not valid',
    remedy: 'The container runtime sets these variables; see "Parameters" in the CNI specification.',
  },
  E_CNI_FRAME: {
    what: 'the request on the CNI socket is malformed',
    remedy: 'Only the membrane-cni client of the same version speaks to this socket.',
  },
  E_CNI_DECODE: {
    what: 'the network configuration is not valid JSON',
    remedy: 'Correct the file in /etc/cni/net.d.',
  },
  E_CNI_CONFIG: {
    what: 'the network configuration is not valid',
    remedy: 'Correct the file in /etc/cni/net.d; unknown keys are allowed, wrong types are not.',
  },
  E_CNI_VERSION: {
    what: 'this CNI version is not supported',
    remedy: 'Use cniVersion 0.4.0, 1.0.0 or 1.1.0.',
  },
  E_CNI_UNKNOWN_CONTAINER: {
    what: 'no such attachment',
    remedy: 'Add the container first; nothing has to be cleaned up.',
  },
  E_CNI_CHECK: {
    what: 'the attachment is not as it should be',
    remedy: 'Delete the pod, so that its owner makes a new one.',
  },
  E_CNI_EXISTS: {
    what: 'the attachment exists already',
    remedy: 'Delete it first (CNI DEL), or use another interface name.',
  },
  E_CNI_IO: {
    what: 'the attachment could not be made',
    remedy: "See the agent's log for the cause; what was done so far has been undone.",
  },
  E_CNI_BUSY: {
    what: 'the agent cannot serve this request now',
    remedy: 'Try again; the runtime does so by itself.',
  },
  E_IPAM_EXHAUSTED: {
    what: 'no free address',
    remedy: 'Delete pods of this node, give the node a larger pod CIDR, or add a node.',
  },
  E_IPAM_TAKEN: {
    what: 'the requested address is in use',
    remedy: 'Request another address, or delete its owner first.',
  },
  E_IPAM_OUTSIDE: {
    what: 'the requested address cannot be given to a pod of this node',
    remedy: "Request an address of the node's pod CIDR, neither the first nor the last.",
  },
  E_ENDPOINT_IDS: {
    what: 'no free endpoint id',
    remedy: 'A node holds at most 64,511 endpoints; delete pods of this node.',
  },
  E_ENDPOINT_RECORD: {
    what: 'the record of an endpoint cannot be read',
    remedy: 'Delete its pod, so that its owner makes a new one.',
  },
  E_ENDPOINT_RECORD_VERSION: {
    what: 'the record of an endpoint is of another version of the agent',
    remedy: 'Start the agent of the version that wrote it, or delete the pod, so that its owner makes a new one.',
  },
  E_ENDPOINT_TRANSITION: {
    what: 'this must not happen to an endpoint in this state',
    remedy: 'This is a defect; please report it with the log.',
  },
});
