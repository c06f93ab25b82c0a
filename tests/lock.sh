#!/bin/sh
# Writes requirements.lock: every version with its hashes, for Linux and macOS and every Python we support.
# Its first part is the program's own; under "# extras: quick" stands what `make quick` adds, and under "# extras: all" what
# all the other extras add. torch is installed by itself, by version.
set -eu

say() { printf '%s\n' "$*" >&2; }

compile() {
    uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
        --no-emit-index-url --no-emit-find-links --quiet "$@"
}

# Print the entries of the second file that the first does not have: a line at the margin and those indented below it.
added() { awk 'NR == FNR { if (/^[^ ]/) seen[$0] = 1; next } /^[^ ]/ { keep = !($0 in seen) } keep' "$1" "$2"; }

main() {
    cd "$(dirname "$0")/.."
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    compile --output-file "$folder/core"
    compile --extra quick --constraints "$folder/core" --output-file "$folder/quick"
    compile --extra convert --extra openvino --extra recipe --extra test --constraints "$folder/quick" --no-emit-package torch --output-file "$folder/all"
    if grep -q '^nvidia-' "$folder/all"; then
        say "a dependency asks for torch and its CUDA packages: leave it out of the extras"
        exit 1
    fi
    {
        cat "$folder/core"
        echo "# extras: quick"
        added "$folder/core" "$folder/quick"
        echo "# extras: all"
        added "$folder/quick" "$folder/all"
    } > requirements.lock
    say "requirements.lock: $(grep -c '==' requirements.lock) packages"
}

main "$@"
