"""A gateway that checks signatures, as API Gateway does and the emulator does not: PORT [URL HOST].

Answers 403 unless the request has the AWS Signature Version 4 that botocore computes for it (service execute-api). Forwards it to URL with
the Host header HOST, or answers 404 with the request in its detail. Run with the Python of the local stack's venv.
"""

import hashlib
import hmac
import json
import os
import sys
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

MUST_BE_SIGNED = {"host", "x-amz-date"}


def is_signed(method, path, headers, body):
    given = headers.get("Authorization", "")
    parts = dict(part.strip().split("=", 1) for part in given.partition(" ")[2].split(",") if "=" in part)
    signed = parts.get("SignedHeaders", "").split(";")
    if not MUST_BE_SIGNED <= set(signed) or any(name not in headers for name in signed):
        return False
    if headers.get("x-amz-content-sha256", digest := hashlib.sha256(body).hexdigest()) != digest:
        return False
    path, _, query = path.partition("?")
    # Decoded here and encoded by botocore, because clients percent-encode different characters.
    pairs = [tuple(unquote(part) for part in pair.partition("=")[::2]) for pair in query.split("&") if pair]
    request = AWSRequest(method, f"http://{headers['host']}{path}", data=body, params=pairs, headers={name: headers[name] for name in signed})
    request.context["timestamp"] = headers["x-amz-date"]
    by = Credentials(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
    auth = SigV4Auth(by, "execute-api", os.environ["AWS_REGION"])
    signature = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    return parts.get("Credential") == auth.scope(request) and hmac.compare_digest(parts.get("Signature", ""), signature)


def asked(url, host, handler, body):
    """What the API answers."""
    headers = {"Host": host} | {name: handler.headers[name] for name in ("Authorization", "Content-Type") if name in handler.headers}
    request = urllib.request.Request(url + handler.path, data=body or None, method=handler.command, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers["Content-Type"], error.read()


def main(port, url=None, host=None):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            if not is_signed(self.command, self.path, self.headers, body):
                status, kind, text = 403, "application/json", b'{"message":"Forbidden"}'
            elif url:
                status, kind, text = asked(url, host, self, body)
            else:
                status, kind, text = 404, "application/problem+json", json.dumps({"detail": f"{self.command} {self.path}"}).encode()
            self.send_response(status)
            self.send_header("Content-Type", kind or "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = answer

        def log_message(self, *_):
            pass

    ThreadingHTTPServer(("127.0.0.1", int(port)), Handler).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
