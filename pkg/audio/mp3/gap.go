package mp3

import "strings"

// decoderDelay is the number of samples by which every decoder lags behind the
// encoder: 528 of the filter bank and one more.
const decoderDelay = 529

// gap is the silence that the encoder has put around the sound, in samples.
type gap struct{ before, after int }

// trim cuts the gap off decoded samples. The first decoderDelay samples of sound
// come out late, and so the same number of the padding never does.
func (g gap) trim(pcm []int16) []int16 {
	if g == (gap{}) {
		return pcm
	}
	end := max(len(pcm)-max(g.after-decoderDelay, 0), 0)
	return pcm[min(g.before+decoderDelay, end):end]
}

// parseInfo reads a first frame that holds facts about the file instead of audio:
// those of Xing, which LAME and ffmpeg extend with the gap, and of Fraunhofer's
// encoders. It returns false for an audio frame.
func parseInfo(h header, frame []byte) (g gap, ok bool) {
	const vbri = headerSize + 32 // wherever the side information ends
	if len(frame) > vbri && strings.HasPrefix(string(frame[vbri:]), "VBRI") {
		return gap{}, true
	}
	info := frame[min(h.infoAt(), len(frame)):]
	if len(info) < 8 || (string(info[:4]) != "Xing" && string(info[:4]) != "Info") {
		return gap{}, false
	}
	return parseLAME(skipXing(info)), true
}

// skipXing returns what follows the facts of Xing, each of which is there if its
// flag is: the numbers of frames and bytes, the table of contents, the quality.
func skipXing(info []byte) []byte {
	size := 8
	for bit, length := range []int{4, 4, 100, 4} {
		if info[7]>>bit&1 == 1 {
			size += length
		}
	}
	return info[min(size, len(info)):]
}

// parseLAME reads the extension: the encoder's name in nine bytes, and twelve
// more before two numbers of twelve bits.
func parseLAME(tag []byte) gap {
	const at = 21
	name := string(tag[:min(len(tag), 4)])
	if len(tag) < at+3 || (name != "LAME" && name != "Lavc" && name != "Lavf") {
		return gap{}
	}
	return gap{
		before: int(tag[at])<<4 | int(tag[at+1])>>4,
		after:  int(tag[at+1]&0x0F)<<8 | int(tag[at+2]),
	}
}
