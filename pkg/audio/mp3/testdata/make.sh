#!/bin/sh
# Makes the MP3 files beside it. Needs sox 14.4, lame 3.100 and ffmpeg.
# The sound is 0.4 s of two sines, which the tests compute for themselves.
set -eu
cd "$(dirname "$0")"
tmp=$(mktemp -d)
trap 'rm -r "$tmp"' EXIT

for rate in 44100 48000 24000 22050 16000 11025; do
	sox -D -n -r $rate -b 16 -c 1 "$tmp/$rate.wav" synth 0.4 sine 440 synth 0.4 sine mix 1000 vol 0.25
done
sox -D "$tmp/48000.wav" "$tmp/stereo.wav" remix 1 1v0.5

mp3() { # name, source, options of lame
	name=$1 source=$2
	shift 2
	lame --quiet --noreplaygain "$@" "$tmp/$source.wav" "$name.mp3"
}
mp3 cbr-44100       44100  -m m -b 64
mp3 vbr-44100       44100  -m m -V 5
mp3 untagged-44100  44100  -m m -b 64 -t
mp3 checksum-44100  44100  -m m -b 64 -p
mp3 id3-44100       44100  -m m -b 64 --add-id3v2 --tt Greeting --ta Trunkline
mp3 stereo-48000    stereo -m j -b 96 --resample 48
mp3 cbr-24000       24000  -m m -b 64 --resample 24
mp3 cbr-16000       16000  -m m -b 24 --resample 16
mp3 cbr-22050-64    22050  -m m -b 64 --resample 22.05
mp3 refused-22050-32 22050 -m m -b 32 --resample 22.05
mp3 refused-22050-80 22050 -m m -b 80 --resample 22.05
mp3 refused-mpeg25  11025  -m m -b 32 --resample 11.025
mp3 refused-free    44100  -m m --freeformat -b 64
ffmpeg -v error -y -i "$tmp/44100.wav" -c:a libmp3lame -b:a 64k -bitexact lavc-44100.mp3
ffmpeg -v error -y -i "$tmp/44100.wav" -c:a mp2 -b:a 64k -f mp2 refused-layer2.mp3
