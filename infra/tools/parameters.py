"""Writes the parameters and outputs of a template for another tool: `cdk TEMPLATE FILE` and `terraform TEMPLATE FOLDER`.

Run with the Python of SAM's venv. Architecture is excluded.
"""

import json
import re
import sys

from samtranslator.yaml_helper import yaml_parse

# It chooses the template.
EXCLUDED = "Architecture"
MADE = "Made by infra/tools/parameters.py from template.yaml."
# Types of TypeScript and of Terraform.
TYPES = {"list": ("readonly string[]", "list(string)"), "number": ("number", "number"), "bool": ("boolean", "bool"), "text": ("string", "string")}


def kind(parameter):
    if parameter["Type"] == "CommaDelimitedList":
        return "list"
    if parameter["Type"] == "Number":
        return "number"
    if parameter["Type"] != "String":
        sys.exit(f"parameters.py: no type is known for {parameter['Type']}")
    return "bool" if sorted(parameter.get("AllowedValues", [])) == ["false", "true"] else "text"


def read(path):
    with open(path, encoding="utf-8") as file:
        template = yaml_parse(file.read())
    parameters = {name: it for name, it in template["Parameters"].items() if name != EXCLUDED}
    return parameters, template["Outputs"]


def described(it):
    """Its description, with the default unless that is empty."""
    text = " ".join(it["Description"].split())
    default = str(it.get("Default", ""))
    return f"{text} Default: {default}." if default else text


def cdk(template, path):
    parameters, outputs = read(template)
    lines = [f"// {MADE}", "", "/** Parameters of the stack; what is left out has the default of the template. */", "export interface ArautoParameters {"]
    for name, it in parameters.items():
        which = TYPES[kind(it)][0]
        if which == "string" and "AllowedValues" in it:
            which = " | ".join(json.dumps(str(value)) for value in it["AllowedValues"])
        lines += [f"  /** {described(it).replace('*/', '* /')} */", f"  readonly {name}?: {which};"]
    lines += ["}", "", "/** Outputs of the stack; some are there on a condition. */", "export interface ArautoOutputs {"]
    for name, it in outputs.items():
        lines += [f"  /** {described(it)} */", f"  readonly {name}: string;"]
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join([*lines, "}", ""]))


def snake(name):
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def hcl(text):
    """A string literal of Terraform, with template sequences escaped."""
    return json.dumps(text, ensure_ascii=False).replace("${", "$${").replace("%{", "%%{")


def as_text(name, it):
    variable = f"var.{snake(name)}"
    return f'{variable} == null ? null : join(",", {variable})' if kind(it) == "list" else f"{variable} == null ? null : tostring({variable})"


def terraform(template, folder):
    parameters, outputs = read(template)
    blocks = []
    for name, it in parameters.items():
        lines = [f'variable "{snake(name)}" {{', f"  type        = {TYPES[kind(it)][1]}", "  default     = null", f"  description = {hcl(described(it))}"]
        if kind(it) == "text" and "AllowedValues" in it:
            values = [str(value) for value in it["AllowedValues"]]
            lines += ["  validation {", f"    condition     = var.{snake(name)} == null || contains({json.dumps(values)}, coalesce(var.{snake(name)}, {json.dumps(values[0])}))",
                      f"    error_message = {hcl('Must be one of ' + ', '.join(values) + '.')}", "  }"]
        blocks.append("\n".join([*lines, "}"]))
    widest = max(len(name) for name in parameters)
    given = [f"    {name.ljust(widest)} = {as_text(name, it)}" for name, it in parameters.items()]
    blocks.append("\n".join(["locals {", "  given = {", *given, "  }", "}"]))
    write(f"{folder}/variables.tf", blocks)
    write(f"{folder}/outputs.tf", [
        f'output "{snake(name)}" {{\n  value       = lookup(aws_cloudformation_stack.arauto.outputs, "{name}", null)\n  description = {hcl(described(it))}\n}}'
        for name, it in outputs.items()])


def write(path, blocks):
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"# {MADE}\n\n" + "\n\n".join(blocks) + "\n")


if __name__ == "__main__":
    {"cdk": cdk, "terraform": terraform}[sys.argv[1]](*sys.argv[2:])
