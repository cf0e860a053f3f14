package g711

// alawToggle inverts the even bits, which the line carries complemented.
const alawToggle = 0x55

// ALawSilence is the A-law code of the sample 0. A-law has no zero: it decodes
// to 8.
const ALawSilence = 0xD5

var (
	alawToLinear = decodeTable(alawDecode)
	linearToALaw = encodeTable(alawEncode)
)

// DecodeALaw expands the A-law codes of src into dst and returns how many: the
// smaller of both lengths.
func DecodeALaw(dst []int16, src []byte) int {
	return decode(&alawToLinear, dst, src)
}

// EncodeALaw compresses the samples of src into dst and returns how many: the
// smaller of both lengths.
func EncodeALaw(dst []byte, src []int16) int {
	return encode(&linearToALaw, dst, src)
}

func alawDecode(code byte) int16 {
	code ^= alawToggle
	exponent := code >> 4 & 7
	magnitude := int16(code&0x0F)<<4 + 8 // the middle of the step
	if exponent > 0 {
		magnitude = (magnitude + 0x100) << (exponent - 1)
	}
	if code&0x80 == 0 {
		return -magnitude
	}
	return magnitude
}

func alawEncode(sample int16) byte {
	// The complement, not the negative: the steps of both signs are mirror
	// images with the border between 0 and -1, and -32768 needs no clipping.
	magnitude, sign := int(sample), byte(0x80)
	if sample < 0 {
		magnitude, sign = int(^sample), 0
	}
	exponent := segment(magnitude >> 8)
	mantissa := byte(magnitude>>(max(exponent, 1)+3)) & 0x0F
	return (sign | byte(exponent)<<4 | mantissa) ^ alawToggle
}
