"""Makes parts of a release: `template ARCHITECTURE FILE` and `changelog VERSION`.

The template of a processor is template.yaml with the zips of that processor as code: `CodeUri: !If …` would not be uploaded by SAM. Its
Architecture admits that processor alone, and CodeSigningConfigArn, which zips alone can be asked to satisfy, is added.
"""

import re
import sys

PARAMETER = """\
  CodeSigningConfigArn:
    Type: String
    Default: ""
    AllowedPattern: "^$|^arn:[a-z0-9-]+:lambda:[a-z0-9-]+:[0-9]{12}:code-signing-config:csc-[a-z0-9]+$"
    ConstraintDescription: must be empty or the ARN of a code signing configuration.
    Description: Code signing configuration of Lambda that the functions' code must satisfy, or nothing.

"""
CONDITION = '  HasCodeSigning: !Not [!Equals [!Ref CodeSigningConfigArn, ""]]\n'
PROPERTY = "CodeSigningConfigArn: !If [HasCodeSigning, !Ref CodeSigningConfigArn, !Ref AWS::NoValue]"


def once(text, pattern, new):
    """Replaces the only place that matches; another number of places is a template that this does not know."""
    found, count = re.subn(pattern, lambda match: match.expand(new), text, flags=re.MULTILINE)
    if count != 1:
        sys.exit(f"release.py: {count} places of template.yaml match {pattern}")
    return found


def template(architecture):
    with open("template.yaml", encoding="utf-8") as file:
        text = file.read()
    text = once(text, r"^Parameters:\n", r"Parameters:\n" + PARAMETER.replace("\\", "\\\\"))
    text = once(text, r"^Conditions:\n", r"Conditions:\n" + CONDITION)
    text = once(text, r"^(  Architecture:\n    Type: String\n    Default: )\w+\n    AllowedValues: .*$",
                rf"\g<1>{architecture}\n    AllowedValues: [{architecture}]")
    lines, binary, packed = [], None, []
    for line in text.splitlines():
        if re.match(r"  \w+:$", line):
            binary = None
        if match := re.match(r" +Binary: (\w+)$", line):
            binary = match[1]
        if match := re.match(r"( +)CodeUri: \.$", line):
            if binary is None:
                sys.exit("release.py: a function has its CodeUri before its Binary")
            lines += [f"{match[1]}CodeUri: functions-{architecture}/{binary}.zip", match[1] + PROPERTY]
            packed.append(binary)
            continue
        # Nothing is built from a release.
        if not re.match(r" +(BuildMethod: rust-cargolambda|BuildProperties:|Binary: \w+)$", line):
            lines.append(line)
    if len(packed) != text.count("AWS::Serverless::Function\n"):
        sys.exit(f"release.py: only {packed} are packed")
    return without_empty_metadata(lines)


def without_empty_metadata(lines):
    """Leaves out a Metadata that is empty now."""
    kept = [line for line, after in zip(lines, lines[1:] + [""])
            if not (line == "    Metadata:" and not after.startswith("      "))]
    return "\n".join(kept) + "\n"


def changelog(version):
    with open("CHANGELOG.md", encoding="utf-8") as file:
        sections = file.read().split("\n## ")
    of_version = [section for section in sections if re.match(re.escape(version) + r"\b", section)]
    if len(of_version) != 1:
        sys.exit(f"release.py: CHANGELOG.md has {len(of_version)} sections of {version}")
    # Links of a page that lies elsewhere now.
    return re.sub(r"\[([^]]*)\]\((?!https?:)[^)]*\)", r"\1", f"# Arauto {of_version[0].strip()}\n")


def main(what, *arguments):
    if what == "template":
        architecture, path = arguments
        with open(path, "w", encoding="utf-8") as file:
            file.write(template(architecture))
    else:
        sys.stdout.write(changelog(*arguments))


if __name__ == "__main__":
    main(*sys.argv[1:])
