package audio

import "encoding/binary"

// BytesPerSample is the size of a linear sample on the wire.
const BytesPerSample = 2

// DecodeLE reads little-endian samples from src into dst and returns their
// number: the smaller of len(dst) and len(src)/2. An odd last byte is not read;
// a stream that cuts samples in two must carry it over to its next call.
//
// Little-endian is the order of Vonage, of Plivo and Vobiz L16, of Asterisk's
// slin on common hardware, and of the agents' audio.
func DecodeLE(dst []int16, src []byte) int {
	n := min(len(dst), len(src)/BytesPerSample)
	dst, src = dst[:n], src[:n*BytesPerSample]
	for i := range dst {
		dst[i] = int16(binary.LittleEndian.Uint16(src[i*BytesPerSample:]))
	}
	return n
}

// EncodeLE writes the samples of src to dst, little-endian, and returns the
// number of bytes written: twice the number of samples that fit.
func EncodeLE(dst []byte, src []int16) int {
	n := min(len(src), len(dst)/BytesPerSample)
	src, dst = src[:n], dst[:n*BytesPerSample]
	for i, s := range src {
		binary.LittleEndian.PutUint16(dst[i*BytesPerSample:], uint16(s))
	}
	return len(dst)
}

// SwapBytes turns big-endian samples into little-endian ones, or back, in
// place. An odd last byte stays as it is.
//
// RFC 3551 defines L16 as big-endian, and Telnyx may follow it; most other
// carriers do not.
func SwapBytes(b []byte) {
	for i := 0; i+1 < len(b); i += BytesPerSample {
		b[i], b[i+1] = b[i+1], b[i]
	}
}
