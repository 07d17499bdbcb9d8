"""Writes a template as CloudFormation gets it, as JSON: intrinsics in their long form, AWS::Serverless resources expanded.

Run with the Python of SAM's venv. What is judged then is what is deployed, with the roles and groups that SAM generates.
"""

import json
import logging
import sys

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

# The translator reports metrics that nobody collects here.
logging.disable(logging.CRITICAL)

with open(sys.argv[1], encoding="utf-8") as file:
    template = yaml_parse(file.read())

if "Transform" in template:
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            # `sam package` puts the address of the zip here.
            resource["Properties"]["CodeUri"] = "s3://code/package.zip"
    parameters = {name: str(it.get("Default", "")) for name, it in template["Parameters"].items()}
    parameters |= {"AWS::Region": "sa-east-1", "AWS::Partition": "aws"}
    session = boto3.Session(region_name="sa-east-1")
    template = Translator({}, Parser(), None, session).translate(template, parameter_values=parameters)

json.dump(template, sys.stdout, indent=1)
