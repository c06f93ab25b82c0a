#!/bin/sh
# Builds sdist and wheel, and tries the wheel in an empty environment: with pipx where it is installed, else with venv.
#
#   PYTHON=python3.12 sh tests/release.sh dist
set -eu

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

build() {
    "$PYTHON" -m venv "$folder/build"
    "$folder/build/bin/python" -m pip install --quiet --disable-pip-version-check build
    "$folder/build/bin/python" -m build --outdir "$1" . > /dev/null
}

# Install a wheel and name the command.
install_wheel() {
    if command -v pipx > /dev/null; then
        PIPX_HOME=$folder/pipx PIPX_BIN_DIR=$folder/bin pipx install --quiet --python "$PYTHON" "$1" >&2
        say "installed with pipx"
        echo "$folder/bin/audio-to-image"
    else
        "$PYTHON" -m venv "$folder/env"
        "$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check "$1"
        say "installed with venv"
        echo "$folder/env/bin/audio-to-image"
    fi
}

try() {
    program=$1
    cd "$folder"
    mkdir "$folder/home"
    export HOME="$folder/home" AUDIO_TO_IMAGE_DATA="$folder/home/data"
    "$program" --version
    "$program" doctor || true # what it names is missing on purpose
    "$program" paint --steps 4 --output "$folder/picture.png" "a red sailboat on the sea at sunset"
    [ -s "$folder/picture.png" ] || die "no picture was painted"
}

main() {
    PYTHON=${PYTHON:-python3}
    cd "$(dirname "$0")/.."
    mkdir -p "$1"
    out=$(cd "$1" && pwd)
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    rm -f "$out"/*.whl "$out"/*.tar.gz
    build "$out"
    tar -tzf "$(ls "$out"/*.tar.gz)" | grep -q /orchestrator/py.typed || die "the sdist lacks py.typed"
    program=$(install_wheel "$(ls "$out"/*.whl)")
    (try "$program")
    say "built and tried: $(ls "$out")"
}

main "$@"
