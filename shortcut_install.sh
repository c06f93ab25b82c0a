#!/bin/sh
# Sets audio-to-image up on a Mac with Apple Silicon, or on Debian and Ubuntu: one command.
#
#   ./shortcut_install.sh                 says what it will do, asks once, does it; again: does what is left
#   ./shortcut_install.sh --dry-run       says it, and changes nothing
#   ./shortcut_install.sh --uninstall     takes away what it put there, and nothing else
#
#   --yes            asks nothing
#   --prefix DIR     puts it into DIR/lib/audio-to-image, its command into DIR/bin (otherwise ~/.local)
#   --no-system      installs no system packages: the bundled ffmpeg and whisper.cpp serve
#   --no-profile     leaves the shell's profile alone, also where DIR/bin is not on the PATH
#   --no-models      fetches no models: the demo models serve
#   --no-shortcut    makes no macOS Shortcut
#   --with-apple-pipeline   adds Apple's python_coreml_stable_diffusion, some GB, as the painter `apple` (Macs only)
#
#   PYTHON=/usr/bin/python3.12 ./shortcut_install.sh     the Python to use, 3.11 to 3.13
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
system=$(uname -s)
prefix=$HOME/.local
action=install yes='' dry='' planning='' undone=''
with_system=1 with_profile=1 with_models=1 with_shortcut=1 with_apple=''
PYTHON_FITS='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $1"; say "  try: $2"; exit 1; }
have() { command -v "$1" > /dev/null 2>&1; }
step() { say "- $1"; }
there() { say "    already there: $1"; }
run() { say "    $*"; [ -n "$planning" ] || "$@"; }
attempt() { "$@" || { say "    that failed: run it again later"; undone=1; }; }
now() { [ -z "$planning" ]; }

main() {
    read_flags "$@"
    library=$prefix/lib/audio-to-image
    environment=$library/env
    command=$environment/bin/audio-to-image
    if [ "$system" = Darwin ]; then profile=$HOME/.zprofile; else profile=$HOME/.profile; fi
    line="export PATH=\"$prefix/bin:\$PATH\"  # audio-to-image"
    check_machine

    planning=1
    say "This will $action audio-to-image:"
    "$action"
    [ -z "$dry" ] || return 0
    ask
    planning=''
    "$action"
    [ -z "$undone" ] || die "something is left to do, see above" "./shortcut_install.sh"
}

read_flags() {
    while [ "$#" -gt 0 ]; do
        case $1 in
            --yes) yes=1 ;;
            --dry-run) dry=1 ;;
            --uninstall) action=uninstall ;;
            --no-system) with_system='' ;;
            --no-profile) with_profile='' ;;
            --no-models) with_models='' ;;
            --no-shortcut) with_shortcut='' ;;
            --with-apple-pipeline) with_apple=1 ;;
            --prefix) [ "$#" -gt 1 ] || die "--prefix names no folder" "--prefix ~/.local"; prefix=$2; shift ;;
            --prefix=*) prefix=${1#*=} ;;
            -h | --help) sed -n '2,/^set /s/^# \{0,1\}//p' "$0"; exit 0 ;;
            *) say "error: there is no flag $1"; say "  try: ./shortcut_install.sh --help"; exit 2 ;;
        esac
        shift
    done
    case $prefix in
        *[\"\$\`\\:]*) die "the prefix $prefix cannot stand on a PATH" "choose another --prefix" ;;
        /*) ;;
        *) prefix=$(pwd)/$prefix ;;
    esac
}

check_machine() {
    if [ "$system" = Darwin ] && [ "$(uname -m)" != arm64 ]; then
        die "this needs a Mac with Apple Silicon" "arch -arm64 ./shortcut_install.sh, if this is one"
    fi
}

ask() {
    [ -z "$yes" ] || return 0
    [ -t 0 ] || die "there is nobody to ask" "add --yes"
    printf 'Go ahead? [Y/n] ' >&2
    read -r answer || answer=n
    case $answer in '' | [yY]*) ;; *) say "Nothing was changed."; exit 130 ;; esac
}

install() {
    system_packages
    package
    link
    if [ -n "$with_models" ]; then models; fi
    if [ -n "$with_shortcut" ] && [ "$system" = Darwin ]; then
        step "The Shortcut: one click in the window that opens"
        attempt run "$command" shortcut install
    fi
    if [ -n "$with_apple" ]; then apple_pipeline; fi
    step "What works"
    run "$command" doctor || say "    talk works once the lines marked fail are repaired"
}

# --- System packages

system_packages() {
    step "System packages"
    wanted=''
    if [ -z "$with_system" ]; then
        say "    none: the bundled ffmpeg and whisper.cpp serve"
    elif [ "$system" = Darwin ]; then
        brew_packages
    elif have apt-get; then
        apt_packages
    else
        say "    neither Homebrew nor apt-get: the bundled ffmpeg and whisper.cpp serve"
    fi
    find_python || brings_python || die "there is no Python 3.11 to 3.13" "https://www.python.org/downloads has one"
}

brings_python() { [ -n "$planning" ] && case $wanted in *python*) true ;; *) false ;; esac; }

brew_packages() {
    brew=''
    for brew in brew /opt/homebrew/bin/brew none; do if have "$brew"; then break; fi; done
    if [ "$brew" = none ]; then
        say "    no Homebrew: the bundled ffmpeg and whisper.cpp serve"
        return
    fi
    wanted="ffmpeg whisper-cpp"
    find_python || have uv || wanted="$wanted python@3.12"
    for formula in $wanted; do
        if "$brew" list --formula "$formula" > /dev/null 2>&1; then
            there "$formula"
        else
            run "$brew" install "$formula" || say "    that failed: the bundled one serves"
        fi
    done
}

apt_packages() {
    if have ffmpeg; then there ffmpeg; else wanted=ffmpeg; fi
    if ! have uv && ! { find_python && "$python" -c 'import ensurepip' 2> /dev/null; }; then wanted="$wanted python3-venv"; fi
    [ -n "$wanted" ] || return 0
    if [ "$(id -u)" = 0 ]; then sudo=''; else sudo=sudo; fi
    # shellcheck disable=SC2086 # lists of words
    { run $sudo apt-get -qq update && run $sudo apt-get -qq install -y --no-install-recommends $wanted; } ||
        say "    that failed: the bundled ffmpeg serves"
}

# Put into $python what PYTHON names, else the first that fits. macOS' own is too old, and calling it may open a window.
find_python() {
    if [ -n "${PYTHON:-}" ]; then
        set -- "$PYTHON"
    else
        set -- python3.13 python3.12 python3.11 python3 /opt/homebrew/bin/python3.12
    fi
    for python do
        found=$(command -v "$python") || continue
        if [ "$system" = Darwin ] && [ "$found" = /usr/bin/python3 ]; then continue; fi
        if "$found" -c "$PYTHON_FITS" 2> /dev/null; then python=$found; return 0; fi
    done
    python=${PYTHON:-python3.12}
    have uv  # which brings that one
}

# --- The package, in an environment of its own. It is copied: a checkout in Downloads may be read by no Shortcut.

package() {
    step "audio-to-image and what it needs, in $library"
    sum=$(source_sum)
    if [ "$(cat "$library/installed" 2> /dev/null)" = "$sum" ] && "$command" --version > /dev/null 2>&1; then
        there "the same version"
        return
    fi
    if now; then prepare; fi
    { make_environment && pip_install --no-deps --require-hashes -r "$library/core.lock" &&
        pip_install --no-deps --force-reinstall "$here"; } || die "that failed" "./shortcut_install.sh goes on from here"
    if now; then printf '%s\n' "$sum" > "$library/installed"; fi
}

make_environment() {
    if have uv; then
        run uv venv --quiet --allow-existing --python "$python" "$environment"
    else
        run "$python" -m venv "$environment"
    fi
}

pip_install() {
    if have uv; then
        run uv pip install --quiet --python "$environment/bin/python" "$@"
    else
        run "$environment/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
    fi
}

# Write down which folders are ours to remove, and the two parts of the lock: for the program, for what converts models.
prepare() {
    made=$(for each in "$prefix/bin" "$prefix/lib" "$prefix"; do [ -d "$each" ] || printf '%s\n' "$each"; done)
    mkdir -p "$library" "$prefix/bin"
    printf '%s\n' "$made" >> "$library/folders"
    : >> "$library/models"
    rm -f "$library/installed"
    sed '/^# extras/,$d' "$here/requirements.lock" > "$library/core.lock"
    sed -n '/^# extras/,$p' "$here/requirements.lock" > "$library/extras.lock"
}

source_sum() {
    (
        cd "$here"
        find orchestrator models/catalogue.toml models/demo pyproject.toml requirements.lock \
            \( -name __pycache__ -o -path models/demo/work -o -path models/demo/recipe \) -prune -o -type f -exec cat {} +
    ) | cksum
}

# --- The command on the PATH

link() {
    step "The command, in $prefix/bin"
    for name in audio-to-image a2i; do
        if ours "$name"; then
            there "$prefix/bin/$name"
        elif [ -e "$prefix/bin/$name" ]; then
            die "$prefix/bin/$name is something else" "move it away, or choose another --prefix"
        else
            run ln -sf "$environment/bin/$name" "$prefix/bin/$name"
        fi
    done
    case :$PATH: in *":$prefix/bin:"*) return 0 ;; esac
    if [ -z "$with_profile" ]; then
        say "    $prefix/bin is not on the PATH"
    elif grep -qxF "$line" "$profile" 2> /dev/null; then
        there "the line in $profile"
    else
        run add_line "$profile"
    fi
}

ours() { [ "$(readlink "$prefix/bin/$1" 2> /dev/null)" = "$environment/bin/$1" ]; }

add_line() {
    [ -e "$profile" ] || : > "$library/made-profile"
    printf '%s\n' "$line" >> "$profile"
    say "    $profile now puts $prefix/bin on the PATH of new terminals"
}

# --- The full models

models() {
    if [ "$system" = Darwin ]; then
        step "The two full models: about 1.3 GB"
    else
        step "The two full models: some GB, and torch to convert the picture model with"
        attempt pip_install "$(sed -n 's/^TORCH := //p' "$here/Makefile")"
        attempt pip_install --no-deps --require-hashes -r "$library/extras.lock"
    fi
    if now; then
        folder=$("$environment/bin/python" -c 'from orchestrator import settings; print(settings.load().models)')
        before=$(fetched)
    fi
    attempt run "$command" models get
    if now; then fetched | grep -vxF "$before" >> "$library/models" || true; fi
}

fetched() { for each in "$folder"/*; do if [ -e "$each" ]; then printf '%s\n' "$each"; fi; done; }

# --- Apple's pipeline, with its own pins: numpy below 1.24 is not to be had for Python 3.12 and later

apple_pipeline() {
    [ "$system" = Darwin ] || die "Apple's pipeline needs a Mac" "leave --with-apple-pipeline out"
    revision=$(sed -n 's/^REVISION = "\([0-9a-f]*\)".*/\1/p' "$here/orchestrator/paint/apple.py")
    step "Apple's pipeline, as the painter apple"
    if [ "$(cat "$library/apple/revision" 2> /dev/null)" = "$revision" ]; then
        there "the same revision"
        return
    fi
    attempt apple_environment
}

apple_environment() {
    old=''
    for old in python3.11 python3.10 none; do if have "$old"; then break; fi; done
    if have uv; then
        run uv venv --quiet --seed --allow-existing --python 3.11 "$library/apple" || return
    elif [ "$old" != none ]; then
        run "$old" -m venv "$library/apple" || return
    else
        say "    it needs Python 3.11: brew install python@3.11"
        return 1
    fi
    run "$library/apple/bin/python" -m pip install --quiet "git+https://github.com/apple/ml-stable-diffusion@$revision" &&
        if now; then printf '%s\n' "$revision" > "$library/apple/revision"; fi
}

# --- Taking it away

uninstall() {
    if [ ! -d "$library" ]; then
        step "Nothing: there is no $library"
        return
    fi
    if [ "$system" = Darwin ]; then
        step "The Shortcut"
        run "$command" shortcut uninstall || true
        run "$command" serve --no-at-login || true
    fi
    step "Models, commands, the package"
    while read -r model; do run rm -rf "$model"; done < "$library/models"
    for name in audio-to-image a2i; do if ours "$name"; then run rm "$prefix/bin/$name"; fi; done
    if grep -qxF "$line" "$profile" 2> /dev/null; then run remove_line; fi
    folders=$(cat "$library/folders")
    run rm -rf "$library"
    if now; then printf '%s\n' "$folders" | while read -r each; do rmdir "$each" 2> /dev/null || true; done; fi
    step "These stay: system packages, recordings, pictures, settings"
}

remove_line() {
    grep -vxF "$line" "$profile" > "$library/profile" || true
    if [ -s "$library/profile" ] || [ ! -e "$library/made-profile" ]; then
        cat "$library/profile" > "$profile"
    else
        rm "$profile"
    fi
}

main "$@"
