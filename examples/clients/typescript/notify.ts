// Reports that a payment was settled, and waits until its notification is delivered: CLIENT_ID PAYMENT_ID.
import { setTimeout } from 'node:timers/promises';
import { createClient, sigV4 } from 'arauto-client';

const { ARAUTO_API_URL, AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN } = process.env;
const [clientId, paymentId] = process.argv.slice(2);
if (!ARAUTO_API_URL || !AWS_REGION || !AWS_ACCESS_KEY_ID || !AWS_SECRET_ACCESS_KEY || !clientId || !paymentId) {
  throw new Error('ARAUTO_API_URL, AWS_REGION, credentials, a client id and a payment id are needed');
}
const credentials = { accessKeyId: AWS_ACCESS_KEY_ID, secretAccessKey: AWS_SECRET_ACCESS_KEY, sessionToken: AWS_SESSION_TOKEN };
// Where ApiAuthorization is JWT: bearer(() => token)
const api = createClient(ARAUTO_API_URL, sigV4(AWS_REGION, credentials));

const { data, error } = await api.POST('/v1/state-changes', {
  body: {
    client_id: clientId,
    api: 'payments',
    resource: 'pix_payment',
    resource_id: paymentId,
    api_version: 'v5',
    from: 'ACPD',
    to: 'ACSC',
    event_instant: new Date().toISOString(),
  },
});
const verdict = data?.verdicts[0];
const notificationId = verdict?.notification_id;
if (!notificationId) throw new Error(`no notification: ${JSON.stringify(error ?? verdict)}`);
console.log(verdict.verdict, notificationId);

for (let asked = 0; ; asked++) {
  const { data: notification, response, error } = await api.GET('/v1/notifications/{notificationId}', { params: { path: { notificationId } } });
  if (notification?.status === 'delivered') {
    console.log('delivered to', notification.attempts[0]?.base_uri);
    break;
  }
  // The ledger has it once its first attempt begins.
  if (!notification && response.status !== 404) throw new Error(JSON.stringify(error));
  if (asked === 60) throw new Error('not delivered within 30 s');
  await setTimeout(500);
}
