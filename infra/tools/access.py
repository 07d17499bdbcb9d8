"""Tries the policies of infra/access.yaml on an emulator that enforces IAM (MiniStack with AUTH=true).

Run by infra/deploy-check with the Python of the local stack's venv, which has MiniStack and boto3. Each person of the template makes the
same calls; what must be allowed and what must be denied is in EXPECTED.
"""

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import boto3
from botocore.exceptions import ClientError

# What each may do of CALLS; everything else must be denied.
EXPECTED = {
    "DeployerPolicyArn": {"see the stack"},
    "OperatorPolicyArn": {
        "read the ledger", "write the ledger", "queue a notification", "take from the dead-letter queue", "see the stack",
        "read the authorities", "see a queue", "see a schedule", "see what was fetched",
    },
    "AuditorPolicyArn": {
        "read the ledger", "see the stack", "read the authorities", "see a queue", "see a schedule", "see what was fetched",
    },
    "KeyCustodianPolicyArn": {"read the authorities", "read the identity", "see the stack", "store the identity"},
}
DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}
KEY = {"partition": {"S": "p"}, "notification": {"S": "n"}}
VALUE = {":a": {"S": "1"}}


def start(folder):
    """Starts the emulator; returns its process and URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        "PATH": os.environ["PATH"], "HOME": folder, "TMPDIR": folder, "AUTH": "true", "LOG_LEVEL": "WARNING",
        "GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "IOT_MTLS_ENABLED": "0",
        "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1",
    }
    with open(Path(folder) / "ministack.log", "w") as log:
        process = subprocess.Popen([Path(sys.executable).with_name("ministack")], env=environment, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    for _ in range(100):
        try:
            urllib.request.urlopen(f"{url}/_ministack/ready", timeout=2).close()
            return process, url
        except OSError:
            time.sleep(0.1)
    process.kill()
    sys.exit("access.py: MiniStack was not ready after ten seconds")


def clients(url, key="test", secret="test"):
    """Returns a client for each service, as whoever has this key."""
    session = boto3.Session(aws_access_key_id=key, aws_secret_access_key=secret, region_name="us-east-1")
    names = ["cloudformation", "dynamodb", "iam", "scheduler", "secretsmanager", "sqs"]
    return {name: session.client(name, endpoint_url=url) for name in names}


def deploy(root):
    """Deploys the template; returns its outputs."""
    body = Path("infra/access.yaml").read_text()
    root["cloudformation"].create_stack(StackName="arauto-access", TemplateBody=body, Capabilities=["CAPABILITY_IAM"])
    root["cloudformation"].get_waiter("stack_create_complete").wait(
        StackName="arauto-access", WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    stack = root["cloudformation"].describe_stacks(StackName="arauto-access")["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def make(root):
    """Makes what a stack would, under the names that CloudFormation gives; returns the calls to try."""
    for table in ["arauto-LedgerTable-1", "other-LedgerTable-1"]:
        root["dynamodb"].create_table(
            TableName=table, BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in KEY],
            KeySchema=[{"AttributeName": "partition", "KeyType": "HASH"}, {"AttributeName": "notification", "KeyType": "RANGE"}])
    queues = {
        name: root["sqs"].create_queue(QueueName=f"arauto-{name}-1")["QueueUrl"]
        for name in ["NotificationsQueue", "DeadLetterQueue"]
    }
    root["dynamodb"].create_table(
        TableName="arauto-DirectoryTable-1", BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "name", "AttributeType": "S"}], KeySchema=[{"AttributeName": "name", "KeyType": "HASH"}])
    secret, authorities = (
        root["secretsmanager"].create_secret(Name=name, SecretString="{}")["ARN"] for name in ["IdentitySecret-1", "TrustSecret-1"])
    ledger = {"TableName": "arauto-LedgerTable-1", "Key": KEY}
    return {
        "read the ledger": ("dynamodb", "get_item", ledger),
        "write the ledger": (
            "dynamodb", "update_item", {**ledger, "UpdateExpression": "SET a = :a", "ExpressionAttributeValues": VALUE}),
        "read another stack's ledger": ("dynamodb", "get_item", {"TableName": "other-LedgerTable-1", "Key": KEY}),
        "queue a notification": ("sqs", "send_message", {"QueueUrl": queues["NotificationsQueue"], "MessageBody": "{}"}),
        "take a notification": ("sqs", "receive_message", {"QueueUrl": queues["NotificationsQueue"]}),
        "take from the dead-letter queue": ("sqs", "receive_message", {"QueueUrl": queues["DeadLetterQueue"]}),
        "read the authorities": ("secretsmanager", "get_secret_value", {"SecretId": authorities}),
        "see a queue": ("sqs", "get_queue_attributes", {"QueueUrl": queues["NotificationsQueue"], "AttributeNames": ["All"]}),
        "see a schedule": ("scheduler", "get_schedule", {"Name": "arauto-DirectoryFunctionReview-1"}),
        "see what was fetched": ("dynamodb", "get_item", {"TableName": "arauto-DirectoryTable-1", "Key": {"name": {"S": "jwks"}}}),
        "read the identity": ("secretsmanager", "get_secret_value", {"SecretId": secret}),
        "store the identity": ("secretsmanager", "put_secret_value", {"SecretId": secret, "SecretString": "{}"}),
        "see the stack": ("cloudformation", "describe_stacks", {"StackName": "arauto"}),
        "make a user": ("iam", "create_user", {"UserName": "friend"}),
    }


def may(person, call):
    """Says whether a call is allowed, whatever else is wrong with it."""
    service, operation, arguments = call
    try:
        getattr(person[service], operation)(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"] not in DENIED
    return True


def main():
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        process, url = start(folder)
        try:
            root = clients(url)
            outputs = deploy(root)
            calls = make(root)
            for policy, expected in EXPECTED.items():
                name = policy.removesuffix("PolicyArn")
                root["iam"].create_user(UserName=name)
                root["iam"].attach_user_policy(UserName=name, PolicyArn=outputs[policy])
                key = root["iam"].create_access_key(UserName=name)["AccessKey"]
                person = clients(url, key["AccessKeyId"], key["SecretAccessKey"])
                for call in calls:
                    allowed = may(person, calls[call])
                    if allowed != (call in expected):
                        wrong.append(f"{name} may {'' if allowed else 'not '}{call}")
        finally:
            process.terminate()
            process.wait()
    if wrong:
        sys.exit("infra/access.yaml: " + "; ".join(wrong))
    print(f"    {len(EXPECTED)} policies, {len(calls)} calls each")


if __name__ == "__main__":
    main()
