import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Kubectl, kubectls } from '../kubectl-testkit.ts';
import { settled } from '../testkit.ts';
import { TEST_TOKEN, TestCluster } from './testkit.ts';

const CRD = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: widgets, singular: widget, kind: Widget, shortNames: [wd]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}, scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas}}
    additionalPrinterColumns:
    - {name: Size, type: integer, jsonPath: .spec.replicas}
    - {name: Ready, type: string, jsonPath: '.status.conditions[?(@.type=="Ready")].status'}
    - {name: Age, type: date, jsonPath: .metadata.creationTimestamp}
    schema:
      openAPIV3Schema:
        type: object
        required: [spec]
        properties:
          spec:
            type: object
            required: [color]
            x-kubernetes-validations:
            - {rule: "!has(self.max) || self.replicas <= self.max", message: more replicas than max}
            - {rule: "self.color == oldSelf.color", message: color is immutable}
            properties:
              color: {type: string, enum: [red, green], description: What it looks like.}
              name: {type: string, pattern: '^[a-z]+$', maxLength: 5}
              replicas: {type: integer, minimum: 0, default: 1}
              max: {type: integer}
              port: {x-kubernetes-int-or-string: true}
              free: {type: object, x-kubernetes-preserve-unknown-fields: true}
              parts:
                type: array
                x-kubernetes-list-type: map
                x-kubernetes-list-map-keys: [name]
                items:
                  type: object
                  required: [name]
                  properties: {name: {type: string}, count: {type: integer, default: 7}}
          status:
            type: object
            x-kubernetes-preserve-unknown-fields: true
`;

const widget = (spec: string, name = 'a') => `
apiVersion: example.com/v1
kind: Widget
metadata: {name: ${name}}
spec: ${spec}
`;

const programs = kubectls();
if (programs.length === 0) test.skip('kubectl: not installed', () => undefined);

describe.each(programs)('%s and kinds that people define', (program) => {
  let cluster: TestCluster;
  let kubectl: Kubectl;
  let files = 0;

  const file = (text: string) => kubectl.file(`file-${(files += 1)}.yaml`, text);
  const apply = async (text: string, ...more: string[]) => kubectl.run('apply', ...more, '-f', await file(text));

  beforeAll(async () => {
    cluster = new TestCluster();
    kubectl = await Kubectl.connect(program, cluster.api, TEST_TOKEN);
    expect((await apply(CRD)).out).toContain(
      'customresourcedefinition.apiextensions.k8s.io/widgets.example.com created',
    );
    await kubectl.succeeds('wait', '--for=condition=established', 'crd/widgets.example.com', '--timeout=20s');
  });
  afterAll(async () => {
    await kubectl?.close();
    await cluster?.[Symbol.asyncDispose]();
  });

  test('an object of the kind has its defaults, columns, short name and explanation', async () => {
    const applied = await apply(
      widget('{color: red, port: http, free: {any: [1]}, parts: [{name: x}, {name: w, count: 2}]}'),
    );
    expect(applied.out).toContain('widget.example.com/a created');
    expect(cluster.get('widgets', 'a')).toMatchObject({
      metadata: { generation: 1 },
      spec: {
        replicas: 1,
        port: 'http',
        free: { any: [1] },
        parts: [
          { name: 'x', count: 7 },
          { name: 'w', count: 2 },
        ],
      },
    });
    expect(await kubectl.succeeds('get', 'wd')).toMatch(/NAME\s+SIZE\s+READY\s+AGE\na\s+1\s+\S+/);
    expect(await kubectl.succeeds('api-resources', '--api-group=example.com')).toMatch(
      /widgets\s+wd\s+example\.com\/v1\s+true\s+Widget/,
    );
    const explained = await kubectl.succeeds('explain', 'widget.spec.color');
    expect(explained).toMatch(/FIELD: color <string>\nENUM:\n\s+red\n\s+green\n[^]*What it looks like\./);
    expect(await kubectl.succeeds('explain', 'widget', '--recursive')).toMatch(
      /spec\s+<Object> -required-\n[^]*parts\s+<\[\]Object>\n\s+count\s+<integer>\n\s+name\s+<string> -required-/,
    );
  });

  test.each([
    ['{color: blue}', 'spec.color: Unsupported value: "blue": supported values: "red", "green"'],
    ['{}', 'spec.color: Required value'],
    ['{color: red, replicas: many}', 'spec.replicas in body must be of type integer: "string"'],
    ['{color: red, replicas: -1}', 'spec.replicas in body should be greater than or equal to 0'],
    ['{color: red, name: UP}', "spec.name in body should match '^[a-z]+$'"],
    ['{color: red, name: toolong}', 'spec.name: Too long'],
    ['{color: red, port: 1.5}', 'must be of type integer,string'],
    ['{color: red, max: 2, replicas: 3}', 'spec: Invalid value: "object": more replicas than max'],
    ['{color: red, parts: [{name: x}, {name: x}]}', 'spec.parts[1]: Duplicate value'],
    ['{color: red, colour: red}', 'unknown field "spec.colour"'],
  ])('%s is refused', async (spec, why) => {
    const { code, out } = await apply(widget(spec, 'bad'));
    expect(code).toBe(1);
    expect(out).toContain(why);
  });

  test('what is unknown is cut off where nobody minds', async () => {
    expect((await apply(widget('{color: red, colour: red}', 'cut'), '--validate=false')).out).toContain('created');
    expect(cluster.get('widgets', 'cut')['spec']).toEqual({ color: 'red', replicas: 1 });
  });

  test('a rule of a transition', async () => {
    const { out } = await kubectl.run('patch', 'widget', 'a', '--type=merge', '-p', '{"spec":{"color":"green"}}');
    expect(out).toContain('color is immutable');
  });

  test('status and scale are apart', async () => {
    const status = '{"status":{"conditions":[{"type":"Ready","status":"True"}]},"spec":{"replicas":9}}';
    await kubectl.succeeds('patch', 'widget', 'a', '--subresource=status', '--type=merge', '-p', status);
    expect(cluster.get('widgets', 'a')).toMatchObject({ metadata: { generation: 1 }, spec: { replicas: 1 } });
    expect(await kubectl.succeeds('get', 'widget', 'a')).toMatch(/a\s+1\s+True/);
    expect(await kubectl.succeeds('scale', 'widget', 'a', '--replicas=4')).toContain('scaled');
    expect(cluster.get('widgets', 'a')).toMatchObject({ metadata: { generation: 2 }, spec: { replicas: 4 } });
  });

  test('server-side apply merges lists by their keys', async () => {
    const by = (manager: string, parts: string) =>
      apply(widget(`{color: red, parts: ${parts}}`, 'shared'), '--server-side', `--field-manager=${manager}`);
    expect((await by('one', '[{name: x, count: 1}]')).code).toBe(0);
    expect((await by('two', '[{name: w, count: 2}]')).code).toBe(0);
    expect(cluster.get('widgets', 'shared')).toMatchObject({ spec: { parts: [{ name: 'x' }, { name: 'w' }] } });
    expect((await by('two', '[{name: x, count: 3}]')).out).toContain('conflict with "one"');
  });

  test('has its number of replicas where the kind says', async () => {
    const fleet = CRD.replaceAll('widgets', 'fleets')
      .replaceAll('widget', 'fleet')
      .replaceAll('Widget', 'Fleet')
      .replace('[wd]', '[fl]')
      .replace('specReplicasPath: .spec.replicas', 'specReplicasPath: .spec.free.size')
      .replace(
        'statusReplicasPath: .status.replicas',
        'statusReplicasPath: .status.at.sea, labelSelectorPath: .status.selector',
      );
    expect((await apply(fleet)).code).toBe(0);
    await kubectl.succeeds('wait', '--for=condition=Established', 'crd/fleets.example.com');
    const one = widget('{color: red, replicas: 5}', 'one').replace('Widget', 'Fleet');
    expect((await apply(one)).code).toBe(0);
    const path = '/apis/example.com/v1/namespaces/default/fleets/one/scale';
    expect((await kubectl.run('get', '--raw', path)).out).toContain(
      'the spec replicas field ".spec.free.size" does not exist',
    );
    expect(await kubectl.succeeds('scale', 'fleet', 'one', '--replicas=3')).toContain('scaled');
    expect(cluster.get('fleets', 'one')).toMatchObject({ spec: { replicas: 5, free: { size: 3 } } });
    const status = { status: { at: { sea: 2 }, selector: 'app=boat' } };
    await kubectl.succeeds(
      'patch',
      'fleet',
      'one',
      '--subresource=status',
      '--type=merge',
      '-p',
      JSON.stringify(status),
    );
    expect(JSON.parse(await kubectl.succeeds('get', '--raw', path))).toMatchObject({
      spec: { replicas: 3 },
      status: { replicas: 2, selector: 'app=boat' },
    });
    expect((await kubectl.run('scale', 'fleet', 'one', '--replicas=9', '--current-replicas=5')).out).toContain(
      'Expected replicas to be 5, was 3',
    );
    await kubectl.succeeds('delete', 'crd', 'fleets.example.com');
  });

  test('all its versions are served, each by its own schema', async () => {
    const older = `
  - name: v1beta1
    served: true
    storage: false
    deprecated: true
    additionalPrinterColumns: [{name: Paint, type: string, jsonPath: .spec.color}]
    subresources: {status: {}, scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas}}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec: {type: object, properties: {color: {type: string}, replicas: {type: integer}, mood: {type: string, default: good}}}
          status: {type: object, x-kubernetes-preserve-unknown-fields: true}
`;
    expect((await apply(CRD + older.slice(1))).out).toContain('configured');
    const versions = await kubectl.succeeds('get', '--raw', '/apis/example.com');
    expect(JSON.parse(versions)).toMatchObject({
      preferredVersion: { version: 'v1' },
      versions: [{ version: 'v1' }, { version: 'v1beta1' }],
    });
    expect((await apply(widget('{color: red, max: 9}', 'both'))).code).toBe(0);
    const beta = 'widgets.v1beta1.example.com';
    expect(await kubectl.succeeds('get', beta, 'both')).toMatch(
      /Warning: example\.com\/v1beta1 Widget is deprecated\nNAME\s+PAINT\nboth\s+red|NAME\s+PAINT\nboth\s+red/,
    );
    const shown = JSON.parse(await kubectl.succeeds('get', beta, 'both', '-o', 'json'));
    expect(shown).toMatchObject({ apiVersion: 'example.com/v1beta1', spec: { color: 'red', mood: 'good' } });
    // What the schema of a version does not know is not seen in it.
    expect(shown.spec).not.toHaveProperty('max');
    expect(cluster.get('widgets', 'both')).toMatchObject({ apiVersion: 'example.com/v1', spec: { max: 9 } });
    expect(await kubectl.succeeds('scale', `${beta}/both`, '--replicas=3')).toContain('scaled');
    expect(cluster.get('widgets', 'both')).toMatchObject({ spec: { replicas: 3 } });
    const made = await apply(widget('{color: blue}', 'made').replace('example.com/v1', 'example.com/v1beta1'));
    expect(made.out).toContain('widget.example.com/made created');
    expect(cluster.get('widgets', 'made')).toMatchObject({ apiVersion: 'example.com/v1', spec: { color: 'blue' } });
    // One version's word is not the other's: blue is no color of v1.
    expect((await kubectl.run('label', 'widgets.v1.example.com', 'made', 'a=b')).out).toContain(
      'spec.color: Unsupported value: "blue"',
    );
    expect(await kubectl.succeeds('label', beta, 'made', 'a=b')).toContain('labeled');
    await kubectl.succeeds('delete', beta, 'made', 'both');
    // Another version is stored from now on: what is there is converted as it is read.
    await apply(widget('{color: red}', 'old'));
    const turned = (CRD + older.slice(1))
      .replaceAll('storage: true', 'storage: none')
      .replace('storage: false', 'storage: true')
      .replace('storage: none', 'storage: false');
    expect((await apply(turned)).out).toContain('configured');
    expect(cluster.get('widgets', 'old')).toMatchObject({ apiVersion: 'example.com/v1beta1', spec: { color: 'red' } });
    expect(await kubectl.succeeds('get', 'widgets.v1.example.com', 'old', '-o', 'jsonpath={.apiVersion}')).toContain(
      'example.com/v1',
    );
    await kubectl.succeeds('delete', 'widget', 'old');
    expect((await apply(CRD)).code).toBe(0);
  });

  test('objects of the kind own others, and go with their namespace', async () => {
    await kubectl.succeeds('create', 'namespace', 'shop');
    expect((await apply(widget('{color: red}', 'owner'), '-n', 'shop')).code).toBe(0);
    const owner = cluster.store.get('widgets', { namespace: 'shop', name: 'owner' });
    const reference = { apiVersion: 'example.com/v1', kind: 'Widget', name: 'owner', uid: owner?.metadata.uid ?? '' };
    const metadata = { name: 'owned', namespace: 'shop', ownerReferences: [reference] };
    cluster.store.create('configmaps', { metadata });
    await settled(cluster.store);
    await kubectl.succeeds('delete', 'widget', 'owner', '-n', 'shop');
    await expect.poll(() => cluster.store.get('configmaps', metadata)).toBeUndefined();
    expect((await apply(widget('{color: red}', 'left'), '-n', 'shop')).code).toBe(0);
    await kubectl.succeeds('delete', 'namespace', 'shop', '--timeout=60s');
  });

  test.each([
    [
      'a name that is not its own',
      CRD.replace('name: widgets.example.com', 'name: other.example.com'),
      'must be spec.names.plural+"."+spec.group',
    ],
    [
      'a schema that is not structural',
      CRD.replace('max: {type: integer}', 'max: {}'),
      'must not be empty for specified object fields',
    ],
    [
      'a rule that cannot be read',
      CRD.replace('self.replicas <= self.max', 'self.replicas <=').replaceAll('widgets', 'gadgets'),
      'compilation failed',
    ],
  ])('%s is refused', async (_what, text, why) => {
    const { code, out } = await apply(text);
    expect(code).toBe(1);
    expect(out).toContain(why);
  });

  test('a plural that is in use is told of', async () => {
    const text = CRD.replaceAll('widgets', 'services')
      .replaceAll('Widget', 'Servant')
      .replace('singular: widget', 'singular: servant');
    expect((await apply(text)).code).toBe(0);
    await settled(cluster.store);
    expect(cluster.store.get('customresourcedefinitions', { name: 'services.example.com' })).toMatchObject({
      status: {
        conditions: [
          { type: 'NamesAccepted', status: 'False' },
          { type: 'Established', status: 'False' },
        ],
      },
    });
    expect(await kubectl.succeeds('get', 'services')).not.toContain('error');
    await kubectl.succeeds('delete', 'crd', 'services.example.com', '--timeout=60s');
  });

  test('the kind goes with its definition, and its objects before', async () => {
    await kubectl.succeeds('delete', 'crd', 'widgets.example.com', '--timeout=60s');
    // Which of the two it says depends on what it remembers of the server.
    expect((await kubectl.run('get', 'widgets')).out).toMatch(
      /doesn't have a resource type|could not find the requested/,
    );
    expect((await apply(CRD)).code).toBe(0);
    await settled(cluster.store);
    expect(await kubectl.succeeds('get', 'widgets')).toContain('No resources found');
  });
});
