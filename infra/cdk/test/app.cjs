// Synthesises a stack with the construct: FOLDER PARAMETERS, these as JSON. RELEASE and ARCHITECTURE are as for the tests.
const { App, CfnOutput, Stack } = require('aws-cdk-lib');
const { Arauto } = require('../lib/arauto.js');

const [outdir, parameters] = process.argv.slice(2);
const app = new App({ outdir });
const stack = new Stack(app, 'Bank');
const arauto = new Arauto(stack, 'Arauto', { release: process.env.RELEASE, architecture: process.env.ARCHITECTURE, parameters: JSON.parse(parameters) });
new CfnOutput(stack, 'ApiUrl', { value: arauto.output('ApiUrl') });
app.synth();
