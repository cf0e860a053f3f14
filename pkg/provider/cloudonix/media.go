package cloudonix

import (
	"errors"

	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/mediastream"
)

// dialect: nobody has seen Cloudonix return a mark.
var dialect = mediastream.Dialect{Announce: announce, NoMarks: true}

// newCodec makes the codec of a media socket. Cloudonix sends and takes mu-law
// at 8000 Hz and nothing else, so what was asked for does not matter.
func newCodec(provider.CodecConfig) provider.Codec { return dialect.New() }

// announce reads whose stream it is. Its callSid is of no use anywhere else; a
// stream without a session is one of Twilio's.
func announce(s *mediastream.Start, to *media.Start) error {
	if s.Session == "" {
		return errors.New("no session is named, so it is no stream of Cloudonix")
	}
	to.LegID, to.AccountID = s.Session, domainName(s.AccountSID)
	for name, value := range map[string]string{"carrier_call_sid": s.CallSID, "from": s.From, "to": s.To, "context": s.Context} {
		if value == "" {
			continue
		}
		if to.Detail == nil {
			to.Detail = map[string]string{}
		}
		to.Detail[name] = value
	}
	return nil
}
