import { ISSUER } from '../auth/service-account-tokens.ts';
import type { JsonObject } from '../json.ts';
import { legacyOpenApi } from '../legacy/index.ts';
import type { OpenApi } from '../openapi/document.ts';
import { methodNotAllowed, noSuchResource } from '../status.ts';
import { AGGREGATED_TYPE, type Discovery, wantsAggregated } from './discovery.ts';
import type { Exchange } from './exchange.ts';

/** The Kubernetes release whose behaviour is followed. */
export const VERSION = {
  major: '1',
  minor: '32',
  gitVersion: 'v1.32.0-membrane',
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: 'none',
  compiler: 'none',
  platform: 'linux/amd64',
};

const KEY_SET_PATH = '/openid/v1/jwks';
const HEALTH = new Set(['healthz', 'livez', 'readyz']);

/** Paths that anybody may read: they say only that the server is there. */
export function isPublic(path: string): boolean {
  const step = path.split('/')[1] ?? '';
  return HEALTH.has(step) || path === '/version' || path === '/version/';
}

/** Everything that is not a resource: health, version, discovery, OpenAPI. */
export function answerMeta(
  exchange: Exchange,
  steps: readonly string[],
  discovery: Discovery,
  openApi: OpenApi,
  keySet: JsonObject,
): void {
  if (exchange.method !== 'GET' && exchange.method !== 'HEAD') throw methodNotAllowed();
  const [root = '', group = '', version = ''] = steps;
  const accept = exchange.header('accept');
  const address = exchange.header('host') ?? '';
  if (root === 'openapi') return answerOpenApi(exchange, steps.slice(1), openApi);
  if (HEALTH.has(root)) return exchange.send(200, 'ok', 'text/plain; charset=utf-8');
  switch (`${root}/${steps.length}`) {
    case '/0':
      return exchange.json(200, {
        paths: ['/api', '/api/v1', '/apis', '/healthz', '/livez', '/openapi/v2', '/openapi/v3', '/readyz', '/version'],
      });
    case 'version/1':
      return exchange.json(200, VERSION);
    case 'openid/3':
      return found(exchange, exchange.path === KEY_SET_PATH ? keySet : undefined);
    case '.well-known/2':
      return found(exchange, group === 'openid-configuration' ? issuerConfiguration() : undefined);
    case 'api/1':
    case 'apis/1': {
      const core = root === 'api';
      if (wantsAggregated(accept))
        return exchange.send(200, JSON.stringify(discovery.aggregated(core)), AGGREGATED_TYPE);
      return exchange.json(200, core ? discovery.coreVersions(address) : discovery.groups());
    }
    case 'api/2':
      return found(exchange, discovery.resources('', group));
    case 'apis/2':
      return found(exchange, discovery.group(group));
    case 'apis/3':
      return found(exchange, discovery.resources(group, version));
    default:
      throw noSuchResource();
  }
}

/** By which others learn to check tokens of service accounts (OpenID Connect Discovery). */
function issuerConfiguration(): JsonObject {
  return {
    issuer: ISSUER,
    jwks_uri: `${ISSUER}${KEY_SET_PATH}`,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['ES256'],
  };
}

function found(exchange: Exchange, answer: ReturnType<Discovery['group']>): void {
  if (answer === undefined) throw noSuchResource();
  exchange.json(200, answer);
}

function answerOpenApi(exchange: Exchange, steps: readonly string[], openApi: OpenApi): void {
  const [version, ...rest] = steps;
  if (version === 'v2' && rest.length === 0) {
    const legacy = legacyOpenApi(exchange.header('accept') ?? '', () => openApi.v2());
    return legacy === undefined ? exchange.json(200, openApi.v2()) : exchange.send(200, legacy.body, legacy.type);
  }
  if (version !== 'v3') throw noSuchResource();
  if (rest.length === 0) return exchange.json(200, openApi.v3Index());
  const [root, ...groupVersion] = rest;
  const document = root === 'api' || root === 'apis' ? openApi.v3(groupVersion.join('/')) : undefined;
  if (document === undefined) throw noSuchResource();
  exchange.send(200, document, 'application/json');
}
