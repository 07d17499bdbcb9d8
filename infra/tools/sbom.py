"""Writes the software bill of materials of each binary, in CycloneDX 1.6: FOLDER TARGET BINARY...

What is listed is what is linked into the binary for its target: no test, build or macro dependency, and no feature that only
another crate of the workspace asks for. Two runs of one commit write the same. Run with the Python of checkov's venv, which
has the validator of the CycloneDX project.
"""

import json
import pathlib
import re
import subprocess
import sys
import uuid

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

TARGET = sys.argv[2]


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def checksums():
    """The digest of each package of the registry, by name and version, as Cargo.lock has it."""
    lock = pathlib.Path("Cargo.lock").read_text(encoding="utf-8")
    entry = re.compile(r'name = "(.+)"\nversion = "(.+)"\nsource = ".+"\nchecksum = "([0-9a-f]{64})"')
    return {(name, version): digest for name, version, digest in entry.findall(lock)}


def linked(function):
    """Names and versions of the packages that are linked into a function, itself apart."""
    options = ["--locked", "--edges", "normal,no-proc-macro", "--target", TARGET, "--prefix", "none", "--format", "{p}"]
    lines = run("cargo", "tree", "--package", function, *options).splitlines()
    found = {tuple(line.split()[:2]) for line in lines if line and "(proc-macro)" not in line}
    return sorted((name, version.removeprefix("v")) for name, version in found if name != function)


def component(package, digests):
    name, version = package["name"], package["version"]
    ref = f"pkg:cargo/{name}@{version}"
    found = {"type": "library", "bom-ref": ref, "name": name, "version": version, "purl": ref}
    if package["license"]:
        # Crates of old write a slash for OR.
        found["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
    if (name, version) in digests:
        found["hashes"] = [{"alg": "SHA-256", "content": digests[name, version]}]
    if package["repository"]:
        found["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return found


def bill(function, packages, digests, commit):
    components = [component(packages[it], digests) for it in linked(function)]
    main = component(packages[function, next(v for n, v in packages if n == function)], digests)
    main |= {"type": "application", "bom-ref": function}
    main["properties"] = [{"name": "git:commit", "value": commit[0]}, {"name": "target", "value": TARGET}]
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"timestamp": commit[1], "component": main},
        "components": components,
        "dependencies": [{"ref": function, "dependsOn": [it["bom-ref"] for it in components]}],
    }
    document["serialNumber"] = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(document, sort_keys=True)).urn
    return document


folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
metadata = json.loads(run("cargo", "metadata", "--locked", "--format-version", "1"))
packages = {(it["name"], it["version"]): it for it in metadata["packages"]}
# Greenwich, as the form of a date-time demands a zone that everybody writes alike.
commit = run("git", "log", "-1", "--format=%H %cd", "--date=format-local:%Y-%m-%dT%H:%M:%SZ").split()
digests = checksums()
for function in sys.argv[3:]:
    text = json.dumps(bill(function, packages, digests, commit), indent=1)
    problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if problem:
        sys.exit(f"{function}: what was written is no CycloneDX 1.6: {str(problem)[:500]}")
    path = folder / f"{function}.cdx.json"
    path.write_text(text + "\n", encoding="utf-8")
    print(f"    {path}: {len(json.loads(text)['components'])} components")
