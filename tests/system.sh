#!/bin/sh
# The system programs and festival voices that the tests use.
#
#   sh tests/system.sh install          install them as root on Debian and with Homebrew, else name what is missing
#   sh tests/system.sh check FILE...    check shell files with ShellCheck and dash
set -eu

PROGRAMS="pulseaudio paplay espeak-ng flite festival shellcheck dash tmux setpriv chromium faketime strace ip"
VOICES="kal_diphone ked_diphone cmu_us_slt_arctic_hts" # of festival
DEBIAN="pulseaudio pulseaudio-utils espeak-ng flite festival festvox-kallpc16k festvox-kdlpc16k festvox-us-slt-hts shellcheck dash tmux util-linux chromium faketime strace iproute2"
BREW="espeak-ng flite shellcheck dash tmux"

say() { printf '%s\n' "$*" >&2; }

missing() {
    for program in $PROGRAMS; do
        command -v "$program" > /dev/null || printf '%s ' "$program"
    done
    for voice in $VOICES; do
        set -- /usr/share/festival/voices/*/"$voice"
        [ -d "$1" ] || printf '%s ' "$voice"
    done
}

# Install Debian packages; where one is not to be had, all the others.
install_debian() {
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq update || true
    apt-get -qq install -y --no-install-recommends "$@" && return
    for package in "$@"; do
        apt-get -qq install -y --no-install-recommends "$package" || say "apt-get could not install $package"
    done
}

install() {
    [ -n "$(missing)" ] || return 0
    if [ "$(uname)" = Darwin ] && command -v brew > /dev/null; then
        # shellcheck disable=SC2086 # a list of words
        brew install --quiet $BREW || true
    elif command -v apt-get > /dev/null && [ "$(id -u)" = 0 ]; then
        say "Installing system programs for the tests ..."
        # shellcheck disable=SC2086
        install_debian $DEBIAN > /dev/null
    fi
    left=$(missing)
    [ -z "$left" ] || say "Missing: $left- the tests that need them are skipped. On Debian: sudo apt-get install $DEBIAN"
}

check() {
    for file in "$@"; do
        sh -n "$file"
    done
    if command -v shellcheck > /dev/null; then shellcheck "$@"; else say "shellcheck is missing: skipped"; fi
    if command -v dash > /dev/null; then for file in "$@"; do dash -n "$file"; done; fi
}

main() {
    action=$1
    shift
    "$action" "$@"
}

main "$@"
