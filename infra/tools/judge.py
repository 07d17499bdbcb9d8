"""Judges what checkov found in the expanded templates: FOLDER, and checkov's JSON on standard input.

Fails for a finding that is not suppressed, for a suppression without a reason, and for one that suppresses nothing (any more).
"""

import json
import pathlib
import sys

# "n/a" is no reason.
SHORTEST_REASON = 30
# What SAM makes beside a function has the function's Metadata too.
COPIES = ["AWS::Lambda::EventInvokeConfig"]

folder = pathlib.Path(sys.argv[1])
found = json.load(sys.stdin)["results"]
wrong = [f"{it['resource']}: {it['check_id']} {it['check_name']} ({it['file_path']})" for it in found["failed_checks"]]
suppressed = {(it["file_path"].lstrip("/"), it["resource"].split(".")[-1], it["check_id"]) for it in found["skipped_checks"]}

for path in sorted(folder.rglob("*.json")):
    name = str(path.relative_to(folder))
    for resource, definition in json.loads(path.read_text(encoding="utf-8"))["Resources"].items():
        metadata = definition.get("Metadata", {})
        if "cfn-lint" in metadata:
            wrong.append(f"{resource}: cfn-lint is silenced in Metadata, where no reason can stand; mend what it finds")
        for skip in metadata.get("checkov", {}).get("skip", []):
            check, reason = skip.get("id", "(no id)"), skip.get("comment", "")
            if (name, resource, check) not in suppressed:
                if definition["Type"] not in COPIES:
                    wrong.append(f"{resource}: {check} is suppressed, and nothing is found without it ({name})")
            elif len(reason) < SHORTEST_REASON:
                wrong.append(f"{resource}: {check} is suppressed without a reason ({name})")
            else:
                print(f"    {resource}: {check}: {reason}")

if wrong:
    sys.exit("\n".join(wrong))
