import { type KubeObject, listAt, numberAt, stringAt } from '../../apiserver/index.ts';

/** Every pod is told where the API is, whatever it wants to know of other services. */
const API = { namespace: 'default', name: 'kubernetes' };

function isApi({ metadata }: KubeObject): boolean {
  return metadata.namespace === API.namespace && metadata.name === API.name;
}

const upper = (name: string): string => name.toUpperCase().replaceAll('-', '_');

/** The variables of one service, those of Docker's links included. */
function variablesOf(service: KubeObject): Record<string, string> {
  const ip = stringAt(service, 'spec', 'clusterIP') ?? '';
  const prefix = upper(service.metadata.name);
  const variables: Record<string, string> = { [`${prefix}_SERVICE_HOST`]: ip };
  for (const [index, port] of listAt(service, 'spec', 'ports').entries()) {
    const number = String(numberAt(port, 'port') ?? 0);
    const name = stringAt(port, 'name') ?? '';
    const protocol = stringAt(port, 'protocol') ?? 'TCP';
    const url = `${protocol.toLowerCase()}://${ip}:${number}`;
    const link = `${prefix}_PORT_${number}_${protocol.toUpperCase()}`;
    if (index === 0) Object.assign(variables, { [`${prefix}_SERVICE_PORT`]: number, [`${prefix}_PORT`]: url });
    if (name !== '') variables[`${prefix}_SERVICE_PORT_${upper(name)}`] = number;
    variables[link] = url;
    Object.assign(variables, { [`${link}_PROTO`]: protocol.toLowerCase(), [`${link}_PORT`]: number });
    variables[`${link}_ADDR`] = ip;
  }
  return variables;
}

/** What a container is told of the services of its namespace (`enableServiceLinks`), and always of the API's. */
export function serviceEnv(
  services: readonly KubeObject[],
  pod: { readonly namespace: string; readonly links: boolean },
): Record<string, string> {
  const told = services.filter((service) => {
    const ip = stringAt(service, 'spec', 'clusterIP') ?? '';
    if (ip === '' || ip === 'None') return false;
    return isApi(service) || (pod.links && service.metadata.namespace === pod.namespace);
  });
  return Object.assign({}, ...told.map(variablesOf));
}
