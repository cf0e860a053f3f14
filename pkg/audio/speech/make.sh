#!/bin/sh
# Makes the recordings beside it. Needs espeak-ng 1.51, sox 14.4 and lame 3.100.
set -eu
cd "$(dirname "$0")"
tmp=$(mktemp -d)
trap 'rm -r "$tmp"' EXIT

# The level is that of the whole file, as sox measures it: -20 dBFS.
level() { # input, output, wanted dBFS
	now=$(sox "$1" -n stats 2>&1 | awk '/^RMS lev dB/ { print $4 }')
	sox -D "$1" "$2" gain "$(awk -v want="$3" -v now="$now" 'BEGIN { print want - now }')"
}

espeak-ng -v en-us -s 175 -w "$tmp/caller.wav" \
	"Good evening. I would like to book a table for four people, tomorrow at eight."
sox -D -G "$tmp/caller.wav" -r 16000 "$tmp/caller16.wav" pad 0.1 0.1
level "$tmp/caller16.wav" caller.wav -20

espeak-ng -v en-us+f3 -s 150 -w "$tmp/greeting.wav" "Hello, you are connected."
sox -D -G "$tmp/greeting.wav" -r 44100 "$tmp/greeting44.wav"
level "$tmp/greeting44.wav" "$tmp/greeting20.wav" -20
lame --quiet -m m -b 64 -h --scale 1 "$tmp/greeting20.wav" greeting.mp3

sox -D -R -n -r 44100 -b 16 -c 1 "$tmp/pink.wav" synth 3 pinknoise lowpass 3000
level "$tmp/pink.wav" "$tmp/pink40.wav" -40
lame --quiet -m m -b 64 -h --scale 1 "$tmp/pink40.wav" ambient.mp3
