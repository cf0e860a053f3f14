package plivo

import (
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/plivostream"
)

// newCodec makes the codec of a media socket. Plivo takes audio in the format
// of the stream alone.
func newCodec(c provider.CodecConfig) provider.Codec {
	swaps := c.Config.String(fieldByteOrder) == bigEndian
	return plivostream.New(plivostream.Dialect{Digits: true, SwapIn: swaps, SwapOut: swaps}, c.Want, c.Now)
}
