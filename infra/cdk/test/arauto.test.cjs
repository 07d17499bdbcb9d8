// The construct against a release: RELEASE is its folder, ARCHITECTURE a processor that it has.
const assert = require('node:assert/strict');
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const test = require('node:test');
const { App, DefaultStackSynthesizer, LegacyStackSynthesizer, Stack } = require('aws-cdk-lib');
const { Template } = require('aws-cdk-lib/assertions');
const { Arauto } = require('../lib/arauto.js');

const release = process.env.RELEASE;
const architecture = process.env.ARCHITECTURE;
const parameters = {
  DirectoryEnvironment: 'sandbox', MaxSuspendedPercent: 5, Evidence: true, IdentityKeyArns: ['arn:1', 'arn:2'], JwtIssuer: undefined,
};

function synthesise(stackProps = {}) {
  const app = new App();
  const stack = new Stack(app, 'Bank', stackProps);
  const arauto = new Arauto(stack, 'Arauto', { release, architecture, parameters });
  return { app, stack, arauto };
}

/** The assets of an assembly: the text or bytes of each by its hash. */
function assets(app) {
  const assembly = app.synth();
  const manifest = JSON.parse(readFileSync(join(assembly.directory, 'Bank.assets.json'), 'utf8'));
  return Object.fromEntries(Object.entries(manifest.files).map(([hash, it]) => [hash, readFileSync(join(assembly.directory, it.source.path))]));
}

test('is a nested stack with the given parameters as text', () => {
  const nested = Object.values(Template.fromStack(synthesise().stack).findResources('AWS::CloudFormation::Stack'));
  assert.equal(nested.length, 1);
  assert.deepEqual(nested[0].Properties.Parameters, {
    DirectoryEnvironment: 'sandbox', MaxSuspendedPercent: '5', Evidence: 'true', IdentityKeyArns: 'arn:1,arn:2',
  });
});

for (const [name, env] of [['of any account', undefined], ['of one account', { account: '123456789012', region: 'sa-east-1' }]]) {
  test(`each location in the template of a stack ${name} is an asset with the bytes of the release`, () => {
    const { app, stack } = synthesise({ env });
    const url = JSON.stringify(Object.values(Template.fromStack(stack).findResources('AWS::CloudFormation::Stack'))[0].Properties.TemplateURL);
    const found = assets(app);
    const template = found[/([0-9a-f]{64})\.yaml/.exec(url)[1]].toString();
    const places = [...template.matchAll(/^ +(CodeUri|TemplateURL): (.*)$/gm)];
    const originals = [...readFileSync(join(release, `template-${architecture}.yaml`), 'utf8').matchAll(/^ +(CodeUri|TemplateURL): (.*)$/gm)];
    assert.ok(originals.length > 15, `${originals.length}`);
    assert.equal(places.length, originals.length);
    places.forEach(([, property, place], i) => {
      const [, was, file] = originals[i];
      assert.equal(property, was);
      // Valid YAML is what JSON is; a bucket and a key for code, one URL for a template.
      const parsed = JSON.parse(place);
      if (property === 'CodeUri') assert.deepEqual(Object.keys(parsed), ['Bucket', 'Key']);
      if (env) assert.ok(!/AWS::(AccountId|Region)/.test(place), place);
      const hash = /([0-9a-f]{64})\.(zip|yaml)/.exec(place)[1];
      assert.ok(found[hash].equals(readFileSync(join(release, file))), file);
    });
  });
}

test('an output is an attribute of the nested stack', () => {
  const { stack, arauto } = synthesise();
  assert.deepEqual(stack.resolve(arauto.output('ApiUrl')), { 'Fn::GetAtt': [stack.getLogicalId(arauto.stack), 'Outputs.ApiUrl'] });
});

test('the types name every parameter and output of the template, and nothing else', () => {
  const types = readFileSync(require.resolve('../lib/parameters.d.ts'), 'utf8');
  const named = (interfaceName) => [...types.split(`interface ${interfaceName} {`)[1].split('\n}')[0].matchAll(/readonly (\w+)\??:/g)].map(([, name]) => name);
  // Keys of two spaces below a section, by another parser than the one that generates the types.
  const template = readFileSync(join(release, `template-${architecture}.yaml`), 'utf8');
  const keys = (section) => [...template.split(`\n${section}:\n`)[1].split(/\n[A-Z]\w+:\n/)[0].matchAll(/^  (\w+):/gm)].map(([, name]) => name);
  assert.deepEqual(named('ArautoParameters'), keys('Parameters').filter((name) => name !== 'Architecture'));
  assert.deepEqual(named('ArautoOutputs'), keys('Outputs'));
});

test('a synthesizer that passes locations as parameters is refused', () => {
  assert.doesNotThrow(() => synthesise({ synthesizer: new DefaultStackSynthesizer() }));
  assert.throws(() => synthesise({ synthesizer: new LegacyStackSynthesizer() }), /DefaultStackSynthesizer/);
});

test('a processor that the release lacks is named', () => {
  const without = join(release, 'infra');
  assert.throws(() => new Arauto(new Stack(), 'Arauto', { release: without, architecture }), new RegExp(`template-${architecture}.yaml is missing`));
});
