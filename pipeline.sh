#!/bin/sh
# Say it, see it: speech to picture. Each stage is a command that you can run by hand.
#
#   ./pipeline.sh                  record from the microphone and paint what you say
#   ./pipeline.sh RECORDING        paint what is said in a file of any format ffmpeg reads
#
# Prints the picture's path last. Stops at the first stage that fails, with its exit status.
#
#   AUDIO_TO_IMAGE_SECONDS=5 ./pipeline.sh      record for 5 s instead of 10 s
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
