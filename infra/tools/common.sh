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

skipped=0
# skip WHAT: says, and counts, what cannot be done here.
skip() {
    [ "${ARAUTO_SKIP:-}" != never ] || fail "$*, and ARAUTO_SKIP=never"
    say "skipped: $*"
    skipped=$((skipped + 1))
}

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# write_checksums: the hash of each file of dist/, in dist/SHA256SUMS.
write_checksums() {
    (cd "$root/dist" && find . -type f ! -name SHA256SUMS -printf '%P\n' | LC_ALL=C sort | xargs sha256sum >SHA256SUMS)
}

# What the client for Java is compiled against, besides the jar of its generator; of Debian's libjakarta-annotation-api-java.
readonly JAKARTA=/usr/share/java/jakarta-annotation-api.jar

# Where `sam build` puts what it makes.
readonly built=$root/.aws-sam/build
# The C library of provided.al2023: a function that needs a newer one does not start there.
readonly NEWEST_GLIBC=2.34

# binaries: what the functions are made of.
binaries() { sed -n 's/^ *Binary: //p' template.yaml; }
# built_binary NAME: what `sam build` has made of it.
built_binary() {
    echo "$built/$(awk -v binary="$1" '/^  [A-Za-z0-9]+:$/ { name = $1 } $1 == "Binary:" && $2 == binary { sub(":", "", name); print name }' template.yaml)/bootstrap"
}

# architecture_of BINARY: the processor that it is for.
architecture_of() { if readelf -h "$1" | grep -q AArch64; then echo arm64; else echo x86_64; fi; }

# check_glibc NAME BINARY: fails if it needs a newer C library.
check_glibc() {
    local needed newest
    [ -x "$2" ] || fail "$2 is missing or cannot be executed"
    # readelf rather than objdump: it reads binaries of other processors too.
    needed=$(readelf --wide --version-info "$2" | grep -o 'GLIBC_[0-9.]*' | sort -Vu | tail -n 1 || true)
    needed=${needed#GLIBC_}
    printf '    %-18s %5s KiB, glibc %s\n' "$1" "$(($(wc -c <"$2") / 1024))" "${needed:-none}"
    newest=$(printf '%s\n' "$NEWEST_GLIBC" "${needed:-0}" | sort -V | tail -n 1)
    [ "$newest" = "$NEWEST_GLIBC" ] || fail "$1 needs glibc $needed: it would not start on provided.al2023"
}

# zip_function SAM_VENV BINARY ZIP: packs a binary as `sam deploy` does, as ZIP.zip: the same bytes for the same binary.
zip_function() {
    local folder
    folder=$(mktemp -d)
    cp "$2" "$folder/bootstrap"
    "$1/bin/python" - "$folder" "$3" <<'PYTHON'
import sys
from samcli.lib.package.utils import make_zip_with_lambda_permissions

folder, name = sys.argv[1:]
make_zip_with_lambda_permissions(name, folder)
PYTHON
    rm -rf "$folder"
}
