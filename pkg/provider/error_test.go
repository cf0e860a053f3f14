package provider_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

func TestErrorText(t *testing.T) {
	for want, e := range map[string]*provider.Error{
		"toy dial: rejected":                           {Provider: "toy", Op: "dial", Kind: provider.KindRejected},
		"toy dial: rejected: no":                       {Provider: "toy", Op: "dial", Kind: provider.KindRejected, Err: errors.New("no")},
		"toy dial: rejected (status 400): no":          {Provider: "toy", Op: "dial", Kind: provider.KindRejected, Status: 400, Err: errors.New("no")},
		"toy dial: rejected (code 13): no":             {Provider: "toy", Op: "dial", Kind: provider.KindRejected, Code: "13", Err: errors.New("no")},
		"toy dial: rejected (status 400, code 13): no": {Provider: "toy", Op: "dial", Kind: provider.KindRejected, Status: 400, Code: "13", Err: errors.New("no")},
	} {
		if got := e.Error(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestKindOf(t *testing.T) {
	busy := provider.Errorf(provider.KindConflict, "leg %d: %w", 1, context.Canceled)
	for _, c := range []struct {
		err  error
		want provider.Kind
	}{
		{busy, provider.KindConflict},
		{fmt.Errorf("order: %w", busy), provider.KindConflict},
		{errors.New("plain"), provider.KindInternal},
		{provider.Unauthenticated(provider.ErrStale), provider.KindUnauthenticated},
	} {
		if got := provider.KindOf(c.err); got != c.want {
			t.Errorf("%v: kind %s, want %s", c.err, got, c.want)
		}
	}
	if !errors.Is(busy, context.Canceled) || !errors.Is(provider.Unauthenticated(provider.ErrStale), provider.ErrStale) {
		t.Error("the cause cannot be told any more")
	}
}

// TestTag holds what an account makes of the errors of a driver that are no
// *Error, or that wrap one.
func TestTag(t *testing.T) {
	var asked []string
	for _, c := range []struct {
		fails error
		want  string
	}{
		{errors.New("plain"), " hangup: internal: plain"},
		{fmt.Errorf("layer: %w", provider.Errorf(provider.KindNotFound, "no leg")), " hangup: not_found: no leg"},
		{&provider.Error{Provider: "other", Op: "else", Kind: provider.KindNotFound}, " hangup: not_found"},
	} {
		a := account(t, provider.Config{}, bare{&asked, c.fails})
		err := a.Hangup(context.Background(), provider.Leg{})
		if want := a.Spec().Name + c.want; err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	a := account(t, provider.Config{}, bare{&asked, context.DeadlineExceeded})
	if err := a.Hangup(context.Background(), provider.Leg{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the cause cannot be told any more: %v", err)
	}
}

func TestNotice(t *testing.T) {
	for _, c := range []struct {
		kind     provider.NoticeKind
		status   call.Status
		terminal bool
	}{
		{provider.CallStatus, call.Completed, true}, {provider.CDR, call.Failed, true},
		{provider.CallStatus, call.Answered, false}, {provider.DialAction, call.Completed, false},
		{provider.Answer, call.Completed, false}, {provider.CallStatus, "", false},
	} {
		if got := (&provider.Notice{Kind: c.kind, Status: c.status}).Terminal(); got != c.terminal {
			t.Errorf("%s %s: terminal %v, want %v", c.kind, c.status, got, c.terminal)
		}
	}
	if id := (&provider.Notice{LegID: "a"}).Identity(); id != "a" {
		t.Errorf("identity %q, want the leg", id)
	}
	if id := (&provider.Notice{LegID: "a", StableID: "b"}).Identity(); id != "b" {
		t.Errorf("identity %q, want the id that never changes", id)
	}
}
