#!/bin/sh
# Write requirements.lock: all packages with hashes, for Linux, macOS and every supported Python.
# The first part is for the program; "# extras: quick" adds what `make quick` needs, and "# extras: all" all other extras.
# torch is installed separately.
set -eu

say() { printf '%s\n' "$*" >&2; }

compile() {
    uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
        --no-emit-index-url --no-emit-find-links --quiet "$@"
}

# Print the entries of the second file that the first lacks; an entry is an unindented line and the indented lines below.
added() { awk 'NR == FNR { if (/^[^ ]/) seen[$0] = 1; next } /^[^ ]/ { keep = !($0 in seen) } keep' "$1" "$2"; }

main() {
    cd "$(dirname "$0")/.."
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    compile --output-file "$folder/core"
    compile --extra quick --constraints "$folder/core" --output-file "$folder/quick"
    compile --extra convert --extra openvino --extra recipe --extra test --constraints "$folder/quick" --no-emit-package torch --output-file "$folder/all"
    if grep -q '^nvidia-' "$folder/all"; then
        say "error: a dependency requires torch and its CUDA packages"
        say "  try: remove it from the extras"
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
