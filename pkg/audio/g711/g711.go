// Package g711 converts between linear samples and the two companding laws of
// ITU-T G.711, mu-law (PCMU) and A-law (PCMA), by table lookup.
//
// Several encoders go by the name of G.711 and disagree at the decision points.
// The ones here are fixed: 16-bit input; mu-law with bias 0x84, clipping at
// 32635 and truncation; A-law with truncation of the one's complement. The
// tests hold all 65,536 inputs and all 256 codes against testdata.
//
// Nothing here allocates, and all functions may be called concurrently.
package g711

import "math/bits"

// segment returns the number of significant bits in v: 0 for the lowest segment
// of a law, 7 for the highest.
func segment(v int) int {
	return bits.Len(uint(v))
}

func decodeTable(law func(byte) int16) (table [1 << 8]int16) {
	for code := range table {
		table[code] = law(byte(code))
	}
	return table
}

// encodeTable is indexed by the sample's bit pattern: 64 KiB a law, shared by
// all calls and mostly in cache, as speech uses a small part of it.
func encodeTable(law func(int16) byte) (table [1 << 16]byte) {
	for pattern := range table {
		table[pattern] = law(int16(pattern))
	}
	return table
}

func decode(table *[1 << 8]int16, dst []int16, src []byte) int {
	n := min(len(dst), len(src))
	dst, src = dst[:n], src[:n]
	for i, code := range src {
		dst[i] = table[code]
	}
	return n
}

func encode(table *[1 << 16]byte, dst []byte, src []int16) int {
	n := min(len(dst), len(src))
	dst, src = dst[:n], src[:n]
	for i, sample := range src {
		dst[i] = table[uint16(sample)]
	}
	return n
}
