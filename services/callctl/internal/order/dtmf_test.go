package order

import (
	"errors"
	"testing"
	"time"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/command"
)

// Keys that waited for a callctl would answer another question.
func TestKeysThatAreLate(t *testing.T) {
	late := &bus.Order{Org: "default", Call: "c1", Published: time.Now().Add(-pressWithin - time.Second)}
	var refused *command.Error
	if err := new(Desk).press(t.Context(), late, command.DTMFSend{Digits: "1"}); !errors.As(err, &refused) || refused.Code != "expired" {
		t.Errorf("%v, want expired", err)
	}
}
