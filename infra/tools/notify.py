"""Sends a notification by a stack on the emulator: STACK ARAUTO PORT PKI [CLIENT…].

What a bank, the Directory and an initiator do, by the command that is given: its Directory at PORT, which the stack was deployed with, and
its receiver, both with the test certificates that it makes in the folder PKI. Each CLIENT is a command that sends another, by a gateway
that checks its signatures: of a client id and the id of a payment. Run by infra/deploy-check with the Python of the local
stack's venv.
"""

import json
import os
import shlex
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from datetime import datetime, timezone
from pathlib import Path

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

ENDPOINT = os.environ["AWS_ENDPOINT_URL"]
CLIENT = "itp-release"
# A cold start of three functions, on a machine that is busy.
TIMEOUT = 60


def ask(url, method="GET", body=None, headers=None):
    """Status and body of an answer, whatever it is."""
    request = urllib.request.Request(url, data=body, method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def wait_for(what, found):
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline:
        try:
            if value := found():
                return value
        except OSError:
            pass
        time.sleep(0.1)
    sys.exit(f"notify.py: {what} within {TIMEOUT} s")


def api_host(outputs):
    """The emulator routes by host name; the name is never resolved."""
    return f"{outputs['ApiId']}.execute-api.localhost:{ENDPOINT.rsplit(':', 1)[1]}"


def call(outputs, method, path, document):
    """Calls the API."""
    host = api_host(outputs)
    body = json.dumps(document).encode()
    request = AWSRequest(method, f"http://{host}{path}", data=body, headers={"Content-Type": "application/json"})
    SigV4Auth(boto3.Session().get_credentials(), "execute-api", os.environ["AWS_REGION"]).add_auth(request)
    return ask(ENDPOINT + path, method, body, {**dict(request.headers), "Host": host})


def expect(what, answer, status):
    if answer[0] != status:
        sys.exit(f"notify.py: {what} was answered {answer[0]}, not {status}: {answer[1]}")
    return answer[1]


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def received(admin, resource):
    """The path of the notification of a resource, once the receiver has it."""
    everything = wait_for("the receiver got nothing", lambda: [it for it in json.loads(ask(f"{admin}/received")[1]) if resource in it["path"]])
    return everything[0]["path"]


def notify_by(clients, outputs, admin):
    """Has each client send a notification."""
    port = free_port()
    host = api_host(outputs)
    gateway = subprocess.Popen([sys.executable, Path(__file__).parent / "gateway.py", str(port), ENDPOINT, host])
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for("the gateway did not answer", lambda: ask(url)[0] == 403)
        for number, client in enumerate(clients):
            ended = subprocess.run([*shlex.split(client), CLIENT, f"p-client-{number}"], env={**os.environ, "ARAUTO_API_URL": url}, timeout=2 * TIMEOUT)
            if ended.returncode != 0:
                sys.exit(f"notify.py: {client} sent no notification")
            print(f"    notified {received(admin, f'p-client-{number}')} by {Path(shlex.split(client)[0]).name}")
    finally:
        gateway.terminate()
        gateway.wait()


def notify(stack, directory, receiver, admin, pki):
    clients = {name: boto3.client(name, endpoint_url=ENDPOINT) for name in ("cloudformation", "secretsmanager")}
    described = clients["cloudformation"].describe_stacks(StackName=stack)["Stacks"][0]["Outputs"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in described}
    for url in (f"{directory}/mock/requests", f"{admin}/health"):
        wait_for(f"{url} did not answer", lambda: ask(url)[0] == 200)

    read = lambda name: (Path(pki) / f"{name}.pem").read_text()
    identity = {"certificate_chain": read("sender-chain"), "private_key": read("sender-key")}
    for secret, text in (("IdentitySecretArn", json.dumps(identity)), ("TrustSecretArn", read("receiver-root"))):
        clients["secretsmanager"].put_secret_value(SecretId=outputs[secret], SecretString=text)

    uris = [f"{receiver}/kong3"]
    wanted = json.dumps({"client": CLIENT, "webhook_uris": uris, "software_id": None}).encode()
    statement = expect("the statement", ask(f"{directory}/mock/statements", "POST", wanted, {"Content-Type": "application/json"}), 200)
    registration = {"operation": "DCR", "webhook_uris": uris, "software_statement": statement}
    expect("the registration", call(outputs, "PUT", f"/v1/clients/{CLIENT}", registration), 200)

    happened = datetime.now(timezone.utc)
    change = {
        "client_id": CLIENT, "api": "payments", "resource": "pix_payment", "resource_id": "p-release", "api_version": "v5",
        "from": "ACPD", "to": "ACSC", "event_instant": happened.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    expect("the state change", call(outputs, "POST", "/v1/state-changes", change), 202)
    path = received(admin, "p-release")
    print(f"    notified {path}, {(datetime.now(timezone.utc) - happened).total_seconds():.1f} s after the change")
    return outputs


def main(stack, arauto, port, pki, *clients):
    receiver, admin = free_port(), free_port()
    beside = [
        ["directory", "--listen", f"127.0.0.1:{port}", "--pki", pki],
        ["receiver", "--listen", f"127.0.0.1:{receiver}", "--pki", pki, "--prefix", "/kong3", "--admin", f"127.0.0.1:{admin}"],
    ]
    processes = []
    try:
        for arguments in beside:
            processes.append(subprocess.Popen([arauto, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
            # The first makes the certificates that the second reads.
            wait_for("there are no certificates", (Path(pki) / "receiver-key.pem").exists)
        outputs = notify(stack, f"http://127.0.0.1:{port}", f"https://localhost:{receiver}", f"http://127.0.0.1:{admin}", pki)
        if clients:
            notify_by(clients, outputs, f"http://127.0.0.1:{admin}")
    finally:
        for process in processes:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
