package twilio

import (
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/mediastream"
)

// newCodec makes the codec of a media socket. Twilio sends and takes mu-law at
// 8000 Hz and nothing else, so what was asked for does not matter.
func newCodec(provider.CodecConfig) provider.Codec {
	return mediastream.New(func(s *mediastream.Start) string { return s.CallSID })
}
