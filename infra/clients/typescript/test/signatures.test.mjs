// Requests of all kinds against a gateway that checks signatures, at ARAUTO_API_URL.
import assert from 'node:assert/strict';
import test from 'node:test';
import { bearer, createClient, inPath, sigV4 } from '../lib/index.js';

const url = process.env.ARAUTO_API_URL;
const region = process.env.AWS_REGION;
const credentials = { accessKeyId: process.env.AWS_ACCESS_KEY_ID, secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY };
const api = createClient(url, sigV4(region, async () => credentials));

test('signs the paths, queries and bodies that a gateway checks', async () => {
  for (const id of ['itp-1', 'a/b?c d%', 'a=b:c+d~e', "(it's)*!"]) {
    const clientId = inPath(id);
    for (const brand of ['bancoex-digital', 'a b+c&d=e/f', "ção~*'()"]) {
      const { response, error } = await api.GET('/v1/clients/{clientId}', { params: { path: { clientId }, query: { brand } } });
      assert.equal(response.status, 404, `${id}, ${brand}`);
      assert.ok(error.detail.startsWith(`GET /v1/clients/${encodeURIComponent(encodeURIComponent(id))}?`), error.detail);
    }
    const { response } = await api.DELETE('/v1/clients/{clientId}', { params: { path: { clientId }, query: { called_at: '2026-11-22T10:15:30-03:00', brand: 'b' } } });
    assert.equal(response.status, 404, id);
  }
  const body = { client_id: 'itp-1', api: 'payments', resource: 'consent', resource_id: 'urn:ção:1', api_version: 'v5', to: 'REJECTED', event_instant: '2026-11-22T13:15:30Z', cause: 'não "sei"' };
  assert.equal((await api.POST('/v1/state-changes', { body })).response.status, 404);
});

test('a wrong key, and a token, are refused by that gateway', async () => {
  for (const authentication of [sigV4(region, { ...credentials, secretAccessKey: 'wrong' }), bearer(() => 'token')]) {
    const { response } = await createClient(url, authentication).GET('/v1/clients/{clientId}', { params: { path: { clientId: 'itp-1' } } });
    assert.equal(response.status, 403);
  }
});

test('a token is asked for before each request', async () => {
  const tokens = ['one', 'two'];
  const sent = [];
  const fetch = async (request) => (sent.push(request.headers.get('authorization')), new Response(null, { status: 404 }));
  const withToken = createClient(url, bearer(async () => tokens.shift()));
  for (let i = 0; i < 2; i++) await withToken.GET('/v1/clients/{clientId}', { params: { path: { clientId: 'itp-1' } }, fetch });
  assert.deepEqual(sent, ['Bearer one', 'Bearer two']);
});
