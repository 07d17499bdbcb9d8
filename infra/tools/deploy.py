"""Deploys a release to the emulator as other tools do: `cdk STACK ASSEMBLY` and `terraform STACK PACKED PARAMETERS`.

It replaces the steps for which the tools need an account. The first uploads the assets of an assembly and creates its stack. The second
uploads the objects packaged by infra/tools/terraform.py and creates the stack with these parameters (JSON). Both wait until the stack is
complete. Run with the Python of the local stack's venv.
"""

import json
import logging
import os
import sys
from pathlib import Path

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

CLIENTS = {name: boto3.client(name, endpoint_url=os.environ["AWS_ENDPOINT_URL"]) for name in ("cloudformation", "s3", "sts")}
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
# The translator reports metrics that nobody collects here.
logging.disable(logging.CRITICAL)


def create(stack, **template):
    CLIENTS["cloudformation"].create_stack(StackName=stack, Capabilities=CAPABILITIES, **template)
    try:
        CLIENTS["cloudformation"].get_waiter("stack_create_complete").wait(StackName=stack, WaiterConfig={"Delay": 1, "MaxAttempts": 120})
    except Exception as fault:  # noqa: BLE001: the events tell why, whatever the fault is.
        events = CLIENTS["cloudformation"].describe_stack_events(StackName=stack)["StackEvents"]
        sys.exit(f"deploy.py: {fault}\n" + "\n".join(f"{it['LogicalResourceId']} {it['ResourceStatus']} {it.get('ResourceStatusReason', '')}" for it in events))


def put(bucket, key, body):
    CLIENTS["s3"].create_bucket(Bucket=bucket)
    CLIENTS["s3"].put_object(Bucket=bucket, Key=key, Body=body)


def expanded(body, given):
    """Expands a SAM template as CloudFormation does. The emulator expands only the template of the root stack."""
    template = yaml_parse(body.decode())
    parameters = {name: str(it.get("Default", "")) for name, it in template["Parameters"].items()} | given
    parameters |= {"AWS::Region": os.environ["AWS_REGION"], "AWS::Partition": "aws"}
    session = boto3.Session(region_name=os.environ["AWS_REGION"])
    return json.dumps(Translator({}, Parser(), None, session).translate(template, parameter_values=parameters)).encode()


def cdk(stack, assembly):
    assembly = Path(assembly)
    root = json.loads((assembly / "Bank.template.json").read_text(encoding="utf-8"))
    given = next(it for it in root["Resources"].values() if it["Type"] == "AWS::CloudFormation::Stack")["Properties"]["Parameters"]
    account = CLIENTS["sts"].get_caller_identity()["Account"]
    manifest = json.loads((assembly / "Bank.assets.json").read_text(encoding="utf-8"))
    for asset in manifest["files"].values():
        body = (assembly / asset["source"]["path"]).read_bytes()
        if b"\nTransform: AWS::Serverless" in body:
            body = expanded(body, given)
        for place in asset["destinations"].values():
            bucket = place["bucketName"].replace("${AWS::AccountId}", account).replace("${AWS::Region}", os.environ["AWS_REGION"])
            put(bucket, place["objectKey"], body)
    # These check the bootstrap version, which is an SSM parameter of the account.
    root["Parameters"].pop("BootstrapVersion", None)
    root.pop("Rules", None)
    create(stack, TemplateBody=json.dumps({name: it for name, it in root.items() if it}))


def terraform(stack, packed, parameters):
    made = json.loads(Path(packed).read_text(encoding="utf-8"))
    bucket = made["url"].rsplit("/", 1)[1]
    for key, file in made["objects"].items():
        put(bucket, key, Path(file).read_bytes())
    put(bucket, made["template_key"], made["template"].encode())
    given = [{"ParameterKey": name, "ParameterValue": value} for name, value in json.loads(parameters).items()]
    create(stack, TemplateURL=f"{made['url']}/{made['template_key']}", Parameters=given)


if __name__ == "__main__":
    {"cdk": cdk, "terraform": terraform}[sys.argv[1]](*sys.argv[2:])
