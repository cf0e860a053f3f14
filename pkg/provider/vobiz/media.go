package vobiz

import (
	"time"

	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/plivostream"
)

// clearTime is how long the carrier may take to confirm a clear
// (https://docs.vobiz.ai/xml/stream/clear-audio).
const clearTime = time.Second

// newCodec makes the codec of a media socket. Vobiz takes audio in any of its
// formats, whatever it sends itself, which is only then big-endian.
func newCodec(c provider.CodecConfig) provider.Codec {
	return plivostream.New(plivostream.Dialect{
		Speak: formats, Stop: true, Wait: clearTime, SwapIn: c.Config.String(fieldByteOrder) == bigEndian,
	}, c.Want, c.Now)
}
