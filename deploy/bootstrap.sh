#!/usr/bin/env bash
# Makes the environments under .local/ beside pyproject.toml; what is there already is left alone.
#
# Sourced by the other scripts, which call the functions they need. Run by itself it makes what the demo needs.
# A step is skipped when its stamp holds the hash of what it was made from, so a second start takes no time.
# Everything it says goes to stderr: stdout belongs to the command that follows.
set -euo pipefail

project="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)"
environments="$project/.local/envs"
stamps="$project/.local/stamps"
requirements="$project/deploy/requirements"
uv="$environments/bootstrap/bin/uv"

refuse() {
    printf 'sentiwatch: %s\n' "$*" >&2
    exit 1
}

# fingerprint FILE… : one hash over the files and the place (an environment does not survive being moved)
fingerprint() {
    { printf '%s\n' "$project" && cat -- "$@"; } | sha256sum | cut -d ' ' -f 1
}

# step NAME HASH TITLE COMMAND… : run the command unless the stamp NAME holds HASH
step() {
    local stamp="$stamps/$1" hash="$2" title="$3" log="$project/.local/log/bootstrap-$1.log" began=$SECONDS
    shift 3
    if [[ -f "$stamp" && "$(<"$stamp")" == "$hash" ]]; then
        return
    fi
    mkdir -p -- "$stamps" "${log%/*}"
    printf '%s … ' "$title" >&2
    if ! (set -e && "$@") >"$log" 2>&1 9>&-; then
        printf 'failed\n' >&2
        tail -n 15 -- "$log" >&2
        refuse "$title failed; the whole output is in $log"
    fi
    printf '%s\n' "$hash" >"$stamp"
    printf '%s s\n' "$((SECONDS - began))" >&2
}

# The first Python of at least 3.11 that can make environments.
find_python() {
    local candidate seen=""
    for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
        if ! command -v "$candidate" >/dev/null; then
            continue
        fi
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            if ! "$candidate" -c 'import ensurepip, venv' 2>/dev/null; then
                refuse "$candidate cannot make environments: install its venv module (Debian: python3-venv)"
            fi
            command -v "$candidate"
            return
        fi
        seen="${seen:-$("$candidate" --version 2>&1 || true)}"
    done
    refuse "Python 3.11 or later is needed, and only ${seen:-no Python} is here: install one (Debian 12: python3)"
}

make_bootstrap() {
    "$python" -m venv "$environments/bootstrap"
    "$environments/bootstrap/bin/python" -m pip install --quiet --disable-pip-version-check 'uv>=0.8,<1'
}

# make_environment NAME FILE [UV VENV OPTIONS…]
make_environment() {
    local name="$1" file="$2"
    shift 2
    if [[ ! -x "$environments/$name/bin/python" ]] || ! "$environments/$name/bin/python" -c '' 2>/dev/null; then
        "$uv" venv --quiet --clear "$@" "$environments/$name"
    fi
    "$uv" pip install --quiet --python "$environments/$name/bin/python" -r "$requirements/$file"
}

make_application() {
    make_environment "$1" "$1.txt" --python "$python"
    "$uv" pip install --quiet --python "$environments/$1/bin/python" --no-deps --editable "$project"
}

# Triton's stub is built for single Python versions and links to their shared library.
make_triton() {
    local usable='
import pathlib, sys, sysconfig
library = sysconfig.get_config_var("INSTSONAME") or ""
places = [sysconfig.get_config_var("LIBDIR"), sys.base_prefix + "/lib", "/usr/lib/x86_64-linux-gnu", "/usr/lib64"]
shared = ".so" in library and any(pathlib.Path(place, library).exists() for place in places if place)
sys.exit(not (shared and sys.version_info[:2] in {(3, 11), (3, 12)}))'
    local candidate
    for candidate in "$python" python3.12 python3.11; do
        if command -v "$candidate" >/dev/null && "$candidate" -c "$usable" 2>/dev/null; then
            make_environment triton triton.txt --python "$(command -v "$candidate")"
            return
        fi
    done
    if ! make_environment triton triton.txt --managed-python --python 3.12; then
        refuse "Triton needs Python 3.11 or 3.12 with its shared library (Debian 12: libpython3.11), and none" \
            "could be fetched either; or set SENTIWATCH_TRITON__URL to a server that already runs"
    fi
}

modern_java() {
    local java version
    for java in "${JAVA_HOME:+$JAVA_HOME/bin/java}" java; do
        version="$("${java:-false}" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p;T;q')" || continue
        if [[ "${version:-0}" -ge 17 ]]; then
            return 0
        fi
    done
    return 1
}

# Python and uv, once; the lock keeps two scripts from making the same environment.
begin_bootstrap() {
    mkdir -p -- "$project/.local"
    exec 9>"$project/.local/bootstrap.lock"
    if command -v flock >/dev/null; then
        flock 9
    fi
    if [[ ! -x "$uv" || ! -f "$stamps/bootstrap" ]]; then
        python="$(find_python)"
        step bootstrap "$(printf 'uv' | fingerprint -)" "Python environments: the tool that makes them" make_bootstrap
    fi
    python="$(readlink -f -- "$environments/bootstrap/bin/python")"
}

end_bootstrap() {
    exec 9>&-
}

bootstrap_application() {
    step app "$(fingerprint "$requirements/app.txt" "$project/pyproject.toml")" \
        "Application and its checks" make_application app
    if [[ ! -f "$stamps/java" ]] && ! modern_java; then
        step java "$(fingerprint "$requirements/java.txt")" "Java from a wheel" make_environment app java.txt
    fi
}

bootstrap_triton() {
    if [[ -n "${SENTIWATCH_TRITON__URL:-}" ]]; then
        return
    fi
    step triton "$(fingerprint "$requirements/triton.txt")" "Triton server" make_triton
}

bootstrap_train() {
    step train "$(fingerprint "$requirements/train.txt" "$project/pyproject.toml")" \
        "Training environment (torch: several GB)" make_application train
}

# Kafka's jars, unless a broker is given. Says itself, in one line, what is missing.
bootstrap_kafka() {
    if [[ -n "${SENTIWATCH_KAFKA__BOOTSTRAP:-}" ]]; then
        return
    fi
    local pom="$project/deploy/local/pom.xml" stamp="$project/.local/kafka/pom.sha256" began=$SECONDS
    if [[ -f "$stamp" && "$(<"$stamp")" == "$(sha256sum -- "$pom" | cut -d ' ' -f 1)" ]]; then
        return
    fi
    (cd -- "$project" && "$environments/app/bin/python" -m streams.local.programs 9>&-) || exit 1
    printf "Kafka's jars … %s s\n" "$((SECONDS - began))" >&2
}

if [[ "${BASH_SOURCE[0]}" == "$0" ]]; then
    begin_bootstrap
    bootstrap_application
    bootstrap_triton
    bootstrap_kafka
    end_bootstrap
fi
