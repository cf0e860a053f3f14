package plivohook

import (
	"strconv"

	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/form"
)

// detail keeps a field under a name of docs/providers.md. Of several fields
// for one name the first that is not empty counts.
type detail struct{ field, name string }

var (
	startDetails = []detail{
		{"STIRVerification", "stir_verification"}, {"stir_verification", "stir_verification"},
		{"STIRAttestation", "stir_attestation"}, {"stir_attestation", "stir_attestation"},
	}
	endDetails = append([]detail{
		{"HangupCause", "hangup_cause"}, {"HangupCauseName", "hangup_name"}, {"HangupSource", "hangup_source"},
	}, startDetails...)
	streamDetails = []detail{{"Name", "checkpoint"}}
	dialDetails   = []detail{{"DialRingStatus", "rang"}, {"DialHangupCause", "hangup_cause"}}

	dialEventDetails = []detail{
		{"DialAction", "dial_event"}, {"DialDigitsPressedBy", "pressed_by"}, {"DialBLegHangupCause", "hangup_cause"},
	}
	conferenceDetails = []detail{
		{"ConferenceUUID", "conference_id"}, {"ConferenceName", "conference_name"}, {"ConferenceMemberID", "member_id"},
		{"ConferenceFirstMember", "first_member"}, {"ConferenceLastMember", "last_member"},
	}
	recordingDetails = []detail{
		{"RecordingDurationMs", "duration_ms"}, {"RecordingStartMs", "started_ms"}, {"RecordingEndMs", "ended_ms"},
		{"RecordingEndReason", "reason"},
	}
)

func details(n *provider.Notice, said form.Fields, wanted []detail) {
	for _, d := range wanted {
		if n.Detail[d.name] == "" {
			set(n, d.name, said.Get(d.field))
		}
	}
}

// set keeps a detail, unless it is empty.
func set(n *provider.Notice, name, value string) {
	if value == "" {
		return
	}
	if n.Detail == nil {
		n.Detail = map[string]string{}
	}
	n.Detail[name] = value
}

func setInt(n *provider.Notice, name string, value *int) {
	if value != nil {
		set(n, name, strconv.Itoa(*value))
	}
}
