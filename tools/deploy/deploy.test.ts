import { execFileSync } from 'node:child_process';
import { globSync, mkdtempDisposableSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments, parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { parseConfig } from '../../src/agent/node/config.ts';
import { readConfig as readOperatorConfig } from '../../src/operator/config.ts';
import { NODE_NAME } from '../../src/operator/hubble-keeper.ts';
import { POLICY_KINDS, type PolicyKind } from '../../src/policy/index.ts';
import { quarantine } from '../../src/policy/kinds/samples.ts';
import { readConfig as readRelayConfig } from '../../src/relay/config.ts';
import { tenancySchema } from '../../src/tenant/index.ts';
import { readConfig as readUiConfig } from '../../src/ui/config.ts';
import { readValues } from './values.ts';

type KubeObject = {
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string> };
  data?: Record<string, string>;
};

const DEPLOY = join(import.meta.dirname, '../../deploy');
const values = readValues(join(DEPLOY, 'helm/values.yaml'));

const objectsIn = (text: string): KubeObject[] =>
  parseAllDocuments(text)
    .map((document) => document.toJS() as KubeObject | null)
    .filter((object) => object !== null);

const keyOf = ({ kind, metadata: { namespace = '', name } }: KubeObject) => `${kind} ${namespace}/${name}`;
const byKey = (objects: KubeObject[]) => Object.fromEntries(objects.map((object) => [keyOf(object), object]));

/** What `kubectl apply -k` would apply of deploy/ and deploy/admission, by kubectl's own word. */
const kustomized = (folder: string) => objectsIn(execFileSync('kubectl', ['kustomize', folder], { encoding: 'utf8' }));
const applied = byKey([...kustomized(DEPLOY), ...kustomized(join(DEPLOY, 'admission'))]);

const templates = globSync('helm/templates/*.yaml', { cwd: DEPLOY }).map((path) =>
  readFileSync(join(DEPLOY, path), 'utf8'),
);

/** A section, then what agents are told of tenancy, then that the release's namespace is the system's. */
const PROGRAM_FILE =
  /^merge \(deepCopy \.Values\.([\w.]+)\)( \(pick \.Values\.config "tenancy" \| deepCopy\))? \(dict "tenancy" \(dict "systemNamespaces" \(list (.*) \.Release\.Namespace\)\)\) \| toJson \| toJson$/;

/** Every form that an expression of a template may have: there are these five, and each stands for a whole value in JSON. */
function valueOf(expression: string): unknown {
  const at = (path: string) =>
    path.split('.').reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], values);
  if (expression === '.Release.Namespace | toJson') return 'membrane';
  const placed = /^printf (".*") \.Release\.Namespace \| toJson$/.exec(expression);
  if (placed !== null) return (JSON.parse(placed[1] ?? '') as string).replace('%s', 'membrane');
  const one = /^\.Values\.([\w.]+) \| toJson$/.exec(expression);
  if (one !== null) return at(one[1] ?? '');
  const program = PROGRAM_FILE.exec(expression);
  if (program !== null) {
    const said = at(program[1] ?? '') as { tenancy?: object };
    const shared = program[2] === undefined ? undefined : (at('config') as { tenancy?: object }).tenancy;
    const systemNamespaces = [...(JSON.parse(`[${(program[3] ?? '').replaceAll(' ', ',')}]`) as string[]), 'membrane'];
    return JSON.stringify({ ...said, tenancy: { systemNamespaces, ...shared, ...said.tenancy } });
  }
  const both = /^printf "%s:%s" \.Values\.([\w.]+) \.Values\.([\w.]+) \| toJson$/.exec(expression);
  if (both !== null) return `${String(at(both[1] ?? ''))}:${String(at(both[2] ?? ''))}`;
  throw new Error(`no template of ours says {{ ${expression} }}`);
}

const isEmpty = (value: unknown) => typeof value === 'object' && value !== null && Object.keys(value).length === 0;

describe('the chart', () => {
  it('has the objects of the manifests, whatever kubectl makes of these', () => {
    const rendered = templates.map((text) =>
      text
        .replaceAll(/^\{\{- (if .*|end) \}\}$/gm, '')
        // The manifests leave out what is empty, or kubectl would send it again each time.
        .replaceAll(/^ *\w+: \{\{ (.*?) \}\}\n/gm, (line, setting: string) => (isEmpty(valueOf(setting)) ? '' : line))
        .replaceAll(/\{\{ (.*?) \}\}/g, (_, expression: string) => JSON.stringify(valueOf(expression))),
    );
    const { 'Namespace /membrane': _, ...manifests } = applied;
    const crds = globSync('helm/crds/*.yaml', { cwd: DEPLOY }).map((path) => readFileSync(join(DEPLOY, path), 'utf8'));
    expect(byKey([...rendered, ...crds].flatMap(objectsIn))).toEqual(manifests);
  });

  it('uses every value', () => {
    const used = [...templates.join('').matchAll(/\.Values\.([\w.]+)/g)].map(([, path = '']) => path);
    const { image, operator, relay, ...others } = values;
    const within = (name: string, section: object) => Object.keys(section).map((key) => `${name}.${key}`);
    const known = [
      ...within('image', image),
      ...within('operator', operator),
      ...within('relay', relay),
      ...Object.keys(others),
    ];
    expect(new Set(used)).toEqual(new Set(known));
  });
});

describe('values of the chart', () => {
  const text = readFileSync(join(DEPLOY, 'helm/values.schema.json'), 'utf8');
  const judge = z.fromJSONSchema(JSON.parse(text) as Parameters<typeof z.fromJSONSchema>[0]);
  const { config, image, operator, relay } = values;

  it.each<[string, object]>([
    ['as they are', {}],
    ['the address of the API server', { config: { ...config, apiServer: '192.0.2.10:6443' } }],
    ['no services of ours', { config: { ...config, enableServices: false } }],
    ['no relay', { relay: { ...relay, replicas: 0 } }],
    ['a part of the nodes', { maxUnavailable: '10%' }],
    ['secrets for images', { image: { ...image, pullSecrets: [{ name: 'registry' }] } }],
    ['a taint', { tolerations: [{ key: 'a', operator: 'Equal', value: 'b', effect: 'NoSchedule' }] }],
    ['no selector', { nodeSelector: null }],
    ['a part of another chart', { global: { registry: 'x' } }],
  ])('may be %s', (_what, change) => {
    expect(judge.safeParse({ ...values, ...change }).error).toBeUndefined();
  });

  it.each<[string, object, string]>([
    ['a section that there is not', { imag: {} }, ''],
    ['a version that is a number', { image: { ...image, tag: 1 } }, 'image.tag'],
    ['a policy that there is not', { image: { ...image, pullPolicy: 'Sometimes' } }, 'image.pullPolicy'],
    ['a key that no agent knows', { config: { ...config, rooting: 'tunnel' } }, 'config'],
    ['a value that no agent takes', { config: { ...config, routing: 'tunel' } }, 'config.routing'],
    ['the name of a node, for all of them', { config: { ...config, nodeName: 'a' } }, 'config'],
    ['a port that there is not', { config: { ...config, hubble: { port: 70_000 } } }, 'config.hubble.port'],
    ['a key that no operator knows', { operator: { ...operator, config: { leese: {} } } }, 'operator.config'],
    ['fewer than no pods', { relay: { ...relay, replicas: -1 } }, 'relay.replicas'],
    ['limits by another name', { resources: { limit: { memory: '1Gi' } } }, 'resources'],
    ['a toleration of nothing', { tolerations: [{ operatr: 'Exists' }] }, 'tolerations.0'],
    ['a number in words', { maxUnavailable: 'ten' }, 'maxUnavailable'],
    ['a folder that hangs on where one is', { cniBinDir: 'opt/cni/bin' }, 'cniBinDir'],
  ])('are refused where they say %s', (_what, change, path) => {
    const { error } = judge.safeParse({ ...values, ...change });
    expect(error?.issues.map((issue) => issue.path.join('.'))).toContain(path);
  });

  it('are judged by patterns that Go can read', () => {
    const patterns = [...text.matchAll(/"pattern": "(.*)"/g)].map(([, pattern = '']) => pattern);
    expect(patterns.length).toBeGreaterThan(10);
    for (const pattern of patterns) expect(pattern).not.toMatch(/\(\?[^:]|\\\\[1-9]/);
  });
});

describe('the manifests', () => {
  it('configure an agent that starts', () => {
    const text = applied['ConfigMap membrane/membrane']?.data?.['agent.yaml'] ?? '';
    const config = parseYaml(text) as Record<string, unknown>;
    expect(parseConfig({ nodeName: 'node-1', ...config })).toMatchObject({ cniSocket: '/run/membrane/cni.sock' });
    using folder = mkdtempDisposableSync(join(tmpdir(), 'membrane-deploy-'));
    const file = join(folder.path, 'operator.yaml');
    writeFileSync(file, applied['ConfigMap membrane/membrane']?.data?.['operator.yaml'] ?? 'none');
    const relayFile = join(folder.path, 'relay.yaml');
    writeFileSync(relayFile, applied['ConfigMap kube-system/hubble-relay']?.data?.['relay.yaml'] ?? 'none');
    const relay = readRelayConfig({ file: relayFile, env: {} });
    expect(relay).toMatchObject({ peerService: 'hubble-peer.membrane.svc:4244', listen: { port: 4245, open: false } });
    const uiFile = join(folder.path, 'ui.yaml');
    writeFileSync(uiFile, applied['ConfigMap kube-system/hubble-relay']?.data?.['ui.yaml'] ?? 'none');
    const ui = readUiConfig({ file: uiFile, env: {} });
    expect(ui).toMatchObject({ peerService: relay.peerService, nodes: relay.nodes, listen: { port: 4280 } });
    expect([ui.listen.certFile, ui.listen.clientCaFile]).toEqual([relay.listen.certFile, undefined]);
    // Who asks is known by the name that the operator writes into the certificates of nodes.
    expect([relay.peerServerName, (config['hubble'] as { serverName: string }).serverName]).toEqual([
      NODE_NAME,
      NODE_NAME,
    ]);
    // Its role names the Lease, too.
    expect(readOperatorConfig({ file, env: {} }).lease.name).toBe('membrane-operator');
  });

  it('say that no Tenant can claim the namespace that they install into, and whoever says nothing says so too', () => {
    const texts = Object.values(applied['ConfigMap membrane/membrane']?.data ?? {});
    const told = texts.map((text) => tenancySchema.parse((parseYaml(text) as { tenancy?: unknown }).tenancy));
    expect(told).toEqual([tenancySchema.parse(undefined), tenancySchema.parse(undefined)]);
    expect(told[0]?.systemNamespaces).toContain(applied['DaemonSet membrane/membrane']?.metadata.namespace);
  });

  it('tell no pod of the Services beside it: a name of one could be a key of ours', () => {
    const pods = Object.values(applied).flatMap((object) => {
      const { spec } = object as { spec?: { template?: { spec?: { enableServiceLinks?: boolean } } } };
      return spec?.template?.spec === undefined ? [] : [[object.metadata.name, spec.template.spec.enableServiceLinks]];
    });
    expect(Object.fromEntries(pods)).toEqual({ membrane: false, 'membrane-operator': false, 'hubble-relay': false });
  });

  it('are all of the namespace, of the whole cluster, or of kube-system', () => {
    const places = Object.values(applied).map(({ metadata }) => metadata.namespace ?? '');
    expect(new Set(places)).toEqual(new Set(['', 'membrane', 'kube-system']));
    expect(applied).toHaveProperty('DaemonSet membrane/membrane');
  });
});

/** Kinds of policy that neither Kubernetes nor we define as their folders say: a cluster would never know them. */
function undefinedKinds(kinds: readonly PolicyKind[]): string[] {
  const defined = globSync('crds/*.yaml', { cwd: DEPLOY }).flatMap((path) => {
    const { spec } = parseYaml(readFileSync(join(DEPLOY, path), 'utf8')) as Definition;
    const { kind, plural, singular, shortNames = [] } = spec.names;
    const own = { kind, plural, singular, shortNames, group: spec.group, namespaced: spec.scope === 'Namespaced' };
    return spec.versions.filter(({ served }) => served).map(({ name }) => namesText({ ...own, version: name }));
  });
  return kinds
    .filter(({ names }) => names.group !== 'networking.k8s.io' && !defined.includes(namesText(names)))
    .map(({ names }) => `${names.plural}.${names.group}`);
}

type Definition = {
  readonly spec: {
    readonly group: string;
    readonly scope: string;
    readonly names: Omit<PolicyKind['names'], 'shortNames'> & { readonly shortNames?: readonly string[] };
    readonly versions: readonly { readonly name: string; readonly served: boolean }[];
  };
};

const namesText = ({ group, version, kind, plural, singular, shortNames, namespaced }: PolicyKind['names']): string =>
  JSON.stringify([group, version, kind, plural, singular, [...shortNames], namespaced]);

describe('kinds of policies', () => {
  it('are defined as their folders say', () => expect(undefinedKinds(POLICY_KINDS)).toEqual([]));

  it('that nobody defines are found', () => {
    const names = { kind: 'Tenant', plural: 'tenants', singular: 'tenant', shortNames: ['mten'] };
    const tenant = { group: 'membrane.io', version: 'v1alpha1', ...names };
    const kinds = [quarantine(), quarantine({ ...tenant, namespaced: false }), quarantine(tenant)];
    expect(undefinedKinds(kinds)).toEqual(['quarantines.test.example', 'tenants.membrane.io']);
  });
});
