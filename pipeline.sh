#!/bin/sh
# Say it, see it: the whole line on one page. Each stage is a command that you can run by hand.
#
#   ./pipeline.sh                  records, and paints what you say
#   ./pipeline.sh RECORDING        paints what is said in a file: any format ffmpeg reads
#
# The picture's path is the last line. What stops the line is the first stage that fails, with its exit status.
#
#   AUDIO_TO_IMAGE_SECONDS=5 ./pipeline.sh      how long it records (10 s otherwise)
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
PATH=$here/.venv/bin:$PATH

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $1"; say "  try: $2"; exit "${3:-1}"; }

main() {
    command -v audio-to-image > /dev/null || die "audio-to-image is not set up" "make -C '$here' demo"

    if [ "$#" -gt 0 ]; then recording=$1; else recording=$(audio-to-image record); fi
    transcript=$(audio-to-image hear -- "$recording")
    prompt=$(printf '%s\n' "$transcript" | python3 "$here/remove_parentheses.py")
    [ -n "$prompt" ] || die "no speech heard" "audio-to-image devices" 3
    picture=$(printf '%s\n' "$prompt" | audio-to-image paint -)

    printf '%s\n' "$picture"
}

main "$@"
