package rest

import "github.com/trunkline-io/trunkline/pkg/provider"

// Owned makes it an error that a search found no number, for what cannot be
// done without it.
func Owned[N any](found *N, err error) (*N, error) {
	if err == nil && found == nil {
		err = provider.Errorf(provider.KindNotFound, "the account does not have this number")
	}
	return found, err
}
