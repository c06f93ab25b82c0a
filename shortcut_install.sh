#!/bin/sh
# Install audio-to-image on a Mac with Apple Silicon, or on Debian or Ubuntu.
#
#   ./shortcut_install.sh                 show the plan, ask once, then install; run again to finish or update
#   ./shortcut_install.sh --dry-run       show the plan and change nothing
#   ./shortcut_install.sh --uninstall     remove what this script installed
#
#   --yes            do not ask
#   --prefix DIR     install into DIR/lib/audio-to-image and DIR/bin (default: ~/.local)
#   --no-system      install no system packages; use the bundled ffmpeg and whisper.cpp
#   --no-profile     do not add DIR/bin to the PATH in the shell's profile
#   --no-models      do not fetch the full models; use the demo models
#   --no-shortcut    do not install the macOS Shortcut
#   --with-apple-pipeline   add Apple's python_coreml_stable_diffusion (several GB) as the engine `apple`, Macs only
#
#   PYTHON=/usr/bin/python3.12 ./shortcut_install.sh     the Python to use, 3.11 to 3.13
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
system=$(uname -s)
prefix=$HOME/.local
action=install yes='' dry='' planning='' incomplete=''
with_system=1 with_profile=1 with_models=1 with_shortcut=1 with_apple=''
PYTHON_FITS='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $1"; say "  try: $2"; exit 1; }
have() { command -v "$1" > /dev/null 2>&1; }
step() { say "- $1"; }
already() { say "    already there: $1"; }
run() { say "    $*"; [ -n "$planning" ] || "$@"; }
attempt() { "$@" || { say "    that failed: try again later"; incomplete=1; }; }
applying() { [ -z "$planning" ]; }

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
    [ -z "$incomplete" ] || die "some steps failed, see above" "./shortcut_install.sh"
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
            --prefix) [ "$#" -gt 1 ] || die "--prefix needs a folder" "--prefix ~/.local"; prefix=$2; shift ;;
            --prefix=*) prefix=${1#*=} ;;
            -h | --help) sed -n '2,/^set /s/^# \{0,1\}//p' "$0"; exit 0 ;;
            *) say "error: there is no flag $1"; say "  try: ./shortcut_install.sh --help"; exit 2 ;;
        esac
        shift
    done
    case $prefix in
        *[\"\$\`\\:]*) die "the prefix $prefix cannot be on a PATH" "choose another --prefix" ;;
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
    [ -t 0 ] || die "cannot ask without a terminal" "add --yes"
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
        step "The Shortcut: confirm it in the window that opens"
        attempt run "$command" shortcut install
    fi
    if [ -n "$with_apple" ]; then apple_pipeline; fi
    step "What works"
    run "$command" doctor || say "    talk works once the lines marked fail are repaired"
}

# --- System packages

system_packages() {
    step "System packages"
    packages=''
    if [ -z "$with_system" ]; then
        say "    none: using the bundled ffmpeg and whisper.cpp"
    elif [ "$system" = Darwin ]; then
        brew_packages
    elif have apt-get; then
        apt_packages
    else
        say "    neither Homebrew nor apt-get: using the bundled ffmpeg and whisper.cpp"
    fi
    find_python || installs_python || die "there is no Python 3.11 to 3.13" "https://www.python.org/downloads has one"
}

installs_python() { [ -n "$planning" ] && case $packages in *python*) true ;; *) false ;; esac; }

brew_packages() {
    brew=''
    for brew in brew /opt/homebrew/bin/brew none; do if have "$brew"; then break; fi; done
    if [ "$brew" = none ]; then
        say "    no Homebrew: using the bundled ffmpeg and whisper.cpp"
        return
    fi
    packages="ffmpeg whisper-cpp"
    find_python || have uv || packages="$packages python@3.12"
    for formula in $packages; do
        if "$brew" list --formula "$formula" > /dev/null 2>&1; then
            already "$formula"
        else
            run "$brew" install "$formula" || say "    that failed: using the bundled one"
        fi
    done
}

apt_packages() {
    if have ffmpeg; then already ffmpeg; else packages=ffmpeg; fi
    if ! have uv && ! { find_python && "$python" -c 'import ensurepip' 2> /dev/null; }; then packages="$packages python3-venv"; fi
    [ -n "$packages" ] || return 0
    if [ "$(id -u)" = 0 ]; then sudo=''; else sudo=sudo; fi
    # shellcheck disable=SC2086 # word splitting is intended
    { run $sudo apt-get -qq update && run $sudo apt-get -qq install -y --no-install-recommends $packages; } ||
        say "    that failed: using the bundled ffmpeg"
}

# Set $python to PYTHON, or to the first supported Python. Skip macOS's own: it is too old, and may open a dialog.
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
    have uv  # uv downloads Python
}

# --- The package, in its own environment. It is copied because Shortcuts cannot read a checkout in Downloads.

package() {
    step "audio-to-image and its dependencies, in $library"
    sum=$(source_sum)
    if [ "$(cat "$library/installed" 2> /dev/null)" = "$sum" ] && "$command" --version > /dev/null 2>&1; then
        already "the same version"
        return
    fi
    if applying; then prepare; fi
    { make_environment && pip_install --no-deps --require-hashes -r "$library/core.lock" &&
        pip_install --no-deps --force-reinstall "$here"; } || die "that failed" "./shortcut_install.sh continues from here"
    if applying; then printf '%s\n' "$sum" > "$library/installed"; fi
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

# Save the list of folders to remove on uninstall, and split the lock: for the program, and for converting models.
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
        if is_ours "$name"; then
            already "$prefix/bin/$name"
        elif [ -e "$prefix/bin/$name" ]; then
            die "$prefix/bin/$name belongs to something else" "move it away, or choose another --prefix"
        else
            run ln -sf "$environment/bin/$name" "$prefix/bin/$name"
        fi
    done
    case :$PATH: in *":$prefix/bin:"*) return 0 ;; esac
    if [ -z "$with_profile" ]; then
        say "    $prefix/bin is not on the PATH"
    elif grep -qxF "$line" "$profile" 2> /dev/null; then
        already "the line in $profile"
    else
        run add_line "$profile"
    fi
}

is_ours() { [ "$(readlink "$prefix/bin/$1" 2> /dev/null)" = "$environment/bin/$1" ]; }

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
        step "The two full models: several GB, and torch to convert the picture model"
        attempt pip_install "$(sed -n 's/^TORCH := //p' "$here/Makefile")"
        attempt pip_install --no-deps --require-hashes -r "$library/extras.lock"
    fi
    if applying; then
        folder=$("$environment/bin/python" -c 'from orchestrator import settings; print(settings.load().models)')
        before=$(list_models)
    fi
    attempt run "$command" models get
    if applying; then list_models | grep -vxF "$before" >> "$library/models" || true; fi
}

list_models() { for each in "$folder"/*; do if [ -e "$each" ]; then printf '%s\n' "$each"; fi; done; }

# --- Apple's pipeline, in its own environment: it needs numpy below 1.24, which does not support Python 3.12 and later

apple_pipeline() {
    [ "$system" = Darwin ] || die "Apple's pipeline needs a Mac" "leave --with-apple-pipeline out"
    revision=$(sed -n 's/^REVISION = "\([0-9a-f]*\)".*/\1/p' "$here/orchestrator/paint/apple.py")
    step "Apple's pipeline, as the engine apple"
    if [ "$(cat "$library/apple/revision" 2> /dev/null)" = "$revision" ]; then
        already "the same revision"
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
        if applying; then printf '%s\n' "$revision" > "$library/apple/revision"; fi
}

# --- Uninstall

uninstall() {
    if [ ! -d "$library" ]; then
        step "Nothing to do: there is no $library"
        return
    fi
    if [ "$system" = Darwin ]; then
        step "The Shortcut"
        run "$command" shortcut uninstall || true
        run "$command" serve --no-at-login || true
    fi
    step "Models, commands, the package"
    while read -r model; do run rm -rf "$model"; done < "$library/models"
    for name in audio-to-image a2i; do if is_ours "$name"; then run rm "$prefix/bin/$name"; fi; done
    if grep -qxF "$line" "$profile" 2> /dev/null; then run remove_line; fi
    folders=$(cat "$library/folders")
    run rm -rf "$library"
    if applying; then printf '%s\n' "$folders" | while read -r each; do rmdir "$each" 2> /dev/null || true; done; fi
    step "Not removed: system packages, recordings, pictures, settings"
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
