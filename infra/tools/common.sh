# What the scripts of infra/ have in common. Sourced by them, after `set -euo pipefail`.

readonly root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# Everything that is installed lies here. Each tool gets a venv of its own: their pins clash.
readonly tools=$root/.arauto/tools

say() { printf '==> %s\n' "$*"; }
fail() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

# Nothing may reach a real account, whatever the shell is logged in to.
unset AWS_PROFILE AWS_SESSION_TOKEN
export AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_EC2_METADATA_DISABLED=true
export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION=us-east-1 AWS_REGION=us-east-1
export SAM_CLI_TELEMETRY=0
cd "$root"

# venv NAME: makes the venv of infra/tools/NAME.txt, unless that was done before with the same pins. Sets $venv. The pins are
# complete, so pip need not look for what they depend on, and each has the hashes of its wheels: no setup script is run.
venv() {
    local pins=infra/tools/$1.txt log=$tools/$1.log
    venv=$tools/$1
    cmp -s "$pins" "$venv/.installed" && return
    command -v python3 >/dev/null || fail "python3 is needed (3.10 or newer)"
    say "Installing what $pins names (once)"
    mkdir -p "$tools"
    { python3 -m venv --clear "$venv" && "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: --requirement "$pins"; } \
        >"$log" 2>&1 || { tail -n 20 "$log" >&2; fail "cannot install $pins; the log is $log"; }
    rm -f "$log"
    cp "$pins" "$venv/.installed"
}

# templates: template.yaml and those nested in it.
templates() {
    echo template.yaml
    sed -n 's/^ *TemplateURL: *\(infra\/[a-z-]*\.yaml\)$/\1/p' template.yaml
}
