#!/bin/sh
# Makes tone.mp3, a second of 440 Hz. Needs sox 14.4 and lame 3.100.
set -eu
cd "$(dirname "$0")"
sox -D -n -r 44100 -b 16 -c 1 -t wav - synth 1 sine 440 vol 0.25 | lame --quiet --noreplaygain -m m -b 64 - tone.mp3
