package g711

// The constants of the 16-bit mu-law encoder.
const (
	ulawBias = 0x84  // moves the segment borders to powers of two
	ulawClip = 32635 // largest magnitude whose biased value fits 15 bits
)

// ULawSilence is the mu-law code of the sample 0.
const ULawSilence = 0xFF

var (
	ulawToLinear = decodeTable(ulawDecode)
	linearToULaw = encodeTable(ulawEncode)
)

// DecodeULaw expands the mu-law codes of src into dst and returns how many: the
// smaller of both lengths.
func DecodeULaw(dst []int16, src []byte) int {
	return decode(&ulawToLinear, dst, src)
}

// EncodeULaw compresses the samples of src into dst and returns how many: the
// smaller of both lengths.
func EncodeULaw(dst []byte, src []int16) int {
	return encode(&linearToULaw, dst, src)
}

func ulawDecode(code byte) int16 {
	code = ^code // the line carries the complement
	exponent := code >> 4 & 7
	mantissa := int16(code & 0x0F)
	magnitude := (mantissa<<3+ulawBias)<<exponent - ulawBias
	if code&0x80 != 0 {
		return -magnitude
	}
	return magnitude
}

func ulawEncode(sample int16) byte {
	magnitude, sign := int(sample), byte(0)
	if magnitude < 0 {
		magnitude, sign = -magnitude, 0x80
	}
	magnitude = min(magnitude, ulawClip) + ulawBias
	exponent := segment(magnitude >> 8)
	mantissa := byte(magnitude>>(exponent+3)) & 0x0F
	return ^(sign | byte(exponent)<<4 | mantissa)
}
