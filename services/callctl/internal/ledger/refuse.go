package ledger

import (
	"errors"

	"github.com/trunkline-io/trunkline/pkg/command"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

// Refuse makes a refusal of a carrier's error: its code is the kind of error,
// its message says what to do. Every other error stays as it is.
func Refuse(err error) error {
	var e *provider.Error
	if !errors.As(err, &e) {
		return err
	}
	advice := ""
	switch e.Kind {
	case provider.KindUnsupported:
		advice = "; `trunkline provider list` shows what each carrier can do"
	case provider.KindUnauthenticated, provider.KindForbidden:
		advice = "; check the trunk's credentials and what the carrier allows the account"
	case provider.KindUnavailable, provider.KindRateLimited:
		advice = "; try again later"
	case provider.KindUncertain:
		advice = "; it may have been carried out: look before you try again"
	}
	return command.Refuse("carrier_"+string(e.Kind), "%s%s", e, advice)
}
