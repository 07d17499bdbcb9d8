// Receives webhooks behind nginx.conf; needs typescript and @types/node.
// tsc --strict --target es2022 --module nodenext receiver.ts && BASE_PATH=/kong3 PORT=8080 node receiver.js

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

const REMEMBERED = 600_000; // milliseconds; the attempts of a notification take less than two minutes
const MAX_BODY = 4096, DELAYS = [2_000, 10_000, 60_000]; // bytes; milliseconds between fetches that fail
const BASE = `${process.env.BASE_PATH ?? ""}/open-banking/webhook/v1/`;
const RESOURCE = new RegExp(
  "^(payments/v\\d+/(consents|pix/payments)|enrollments/v\\d+/enrollments" +
    "|automatic-payments/v\\d+/(recurring-consents|pix/recurring-payments))/[^/?#]+$",
);
const seen = new Set<string>(); // in production a table, written before the 202, with what is still to be fetched

/** Yours: GET https://<host of that bank>/open-banking/<resource>, and store what it says. */
async function fetchResource(organisation: string, resource: string): Promise<void> {
  console.log(`fetch ${organisation} ${resource}`);
}

async function work(key: string, organisation: string, resource: string, failures = 0): Promise<void> {
  try {
    await fetchResource(organisation, resource);
  } catch (error) {
    if (failures === DELAYS.length) return console.error(`gave up ${key}:`, error); // for an operator to fetch
    // No attempt follows a 202, so nobody else tries again.
    setTimeout(() => void work(key, organisation, resource, failures + 1), DELAYS[failures]);
  }
}

async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const answer = (status: number, headers = {}) => void response.writeHead(status, { "content-length": 0, ...headers }).end();
  const url = request.url ?? "";
  const resource = url.startsWith(BASE) ? url.slice(BASE.length) : "";
  if (request.method !== "POST" || !RESOURCE.test(resource)) return answer(404);
  if (!(Number(request.headers["content-length"]) <= MAX_BODY)) return answer(413);
  let body = "";
  for await (const chunk of request.setEncoding("utf8")) body += chunk;
  const id = String(request.headers["x-webhook-interaction-id"] ?? "");
  let timestamp: string;
  try {
    timestamp = JSON.parse(body).data.timestamp;
    if (new Date(timestamp).toISOString() !== timestamp.replace("Z", ".000Z")) return answer(400);
  } catch {
    return answer(400);
  }
  if (!/^[a-zA-Z0-9][a-zA-Z0-9-]{0,99}$/.test(id)) return answer(400);
  const organisation = String(request.headers["x-organisation"] ?? "");
  const key = `${organisation} ${resource} ${timestamp}`;
  const isKnown = seen.has(key);
  seen.add(key);
  answer(202, { "x-webhook-interaction-id": id });
  console.log(`${isKnown ? "known" : "accepted"} ${id} ${key}`);
  if (isKnown) return;
  setTimeout(() => seen.delete(key), REMEMBERED);
  // A second later, since two changes within the second of the timestamp look the same.
  setTimeout(() => void work(key, organisation, resource), 1000);
}

createServer((request, response) => void receive(request, response).catch(() => response.destroy()))
  .listen(Number(process.env.PORT), "127.0.0.1");
