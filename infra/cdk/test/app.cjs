// Synthesises a stack with the construct: FOLDER PARAMETERS, these as JSON. RELEASE and ARCHITECTURE are as for the tests.
const { App, CfnOutput, Stack } = require('aws-cdk-lib');
const { Arauto } = require('../lib/arauto.js');

const [outdir, parameters] = process.argv.slice(2);
const app = new App({ outdir });
const stack = new Stack(app, 'Bank');
const arauto = new Arauto(stack, 'Arauto', { release: process.env.RELEASE, architecture: process.env.ARCHITECTURE, parameters: JSON.parse(parameters) });
// Those that a notification is sent with.
for (const name of ['ApiUrl', 'ApiId', 'IdentitySecretArn', 'TrustSecretArn']) new CfnOutput(stack, name, { value: arauto.output(name) });
app.synth();
