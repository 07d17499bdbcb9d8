import { Sha256 } from '@aws-crypto/sha256-js';
import { SignatureV4 } from '@smithy/signature-v4';
import createFetchClient, { type Client, type Middleware } from 'openapi-fetch';
import type { components, paths } from './api.js';

export type { components, paths } from './api.js';

type Schemas = components['schemas'];
export type StateChange = Schemas['StateChange'];
export type Verdict = Schemas['Verdict'];
export type Notification = Schemas['Notification'];

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** Credentials, or what fetches them: a provider of `@aws-sdk/credential-providers`, for example. */
export type CredentialsProvider = Credentials | (() => Promise<Credentials>);

/** A client of the stack whose ApiUrl is given, by one of the two ways to authenticate. */
export function createClient(apiUrl: string, authentication: Middleware): Client<paths> {
  const client = createFetchClient<paths>({ baseUrl: apiUrl });
  client.use(authentication);
  return client;
}

/** Where ApiAuthorization is IAM: signs each request with AWS Signature Version 4. */
export function sigV4(region: string, credentials: CredentialsProvider, now: () => Date = () => new Date()): Middleware {
  const signer = new SignatureV4({ service: 'execute-api', region, credentials, sha256: Sha256 });
  return {
    async onRequest({ request }) {
      const url = new URL(request.url);
      const body = new Uint8Array(await request.clone().arrayBuffer());
      const headers: Record<string, string> = { host: url.host };
      const type = request.headers.get('content-type');
      if (type !== null) headers['content-type'] = type;
      const query: Record<string, string[]> = {};
      for (const [name, value] of url.searchParams) (query[name] ??= []).push(value);
      const signed = await signer.sign(
        {
          method: request.method,
          protocol: url.protocol,
          hostname: url.hostname,
          path: url.pathname,
          query,
          headers,
          body,
        },
        { signingDate: now() },
      );
      for (const [name, value] of Object.entries(signed.headers)) {
        // fetch writes it itself, from the URL.
        if (name !== 'host') request.headers.set(name, value);
      }
      return request;
    },
  };
}

/** Where ApiAuthorization is JWT: sends a token of JwtIssuer, which is asked for before each request. */
export function bearer(token: () => string | Promise<string>): Middleware {
  return {
    async onRequest({ request }) {
      request.headers.set('authorization', `Bearer ${await token()}`);
      return request;
    },
  };
}

/**
 * A client id as a path takes it. API Gateway decodes the path once before it matches the route, so an id is encoded twice: here, and by
 * the client.
 */
export function inPath(clientId: string): string {
  return encodeURIComponent(clientId);
}
