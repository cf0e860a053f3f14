package provider

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Kind classifies an error by what may be done about it. Callers decide by
// Kind alone.
type Kind string

// The kinds.
const (
	KindInvalid         Kind = "invalid"         // the request is wrong and will stay wrong
	KindUnauthenticated Kind = "unauthenticated" // credentials or signature are wrong
	KindForbidden       Kind = "forbidden"       // the account may not do this
	KindNotFound        Kind = "not_found"
	KindConflict        Kind = "conflict"     // not in the state that this needs
	KindRateLimited     Kind = "rate_limited" // not carried out; may be tried again later
	KindRejected        Kind = "rejected"     // the carrier refuses this call
	KindUnavailable     Kind = "unavailable"  // not carried out: no connection, or the carrier says so
	KindUncertain       Kind = "uncertain"    // written, outcome unknown
	KindUnsupported     Kind = "unsupported"  // this provider cannot
	KindInternal        Kind = "internal"     // a fault of ours
)

// Verification errors, wrapped in an *Error of KindUnauthenticated.
var (
	ErrUnsigned  = errors.New("request carries no signature")
	ErrSignature = errors.New("signature does not match")
	ErrStale     = errors.New("signature is too old or from the future")
	ErrNoSecret  = errors.New("no secret is configured to verify with")
	ErrAccount   = errors.New("request is for another account")
)

// Error is what providers return.
type Error struct {
	Provider string
	Op       string // dial, hangup, verify, parse ...
	Kind     Kind
	Code     string // the carrier's own error code
	// Status is the HTTP status the carrier answered with. From Verify and
	// Parse it is the status to answer the carrier with, 0 for the usual one.
	Status int
	Err    error // never holds a secret
}

// Error gives one line: provider, op, kind, status and code, text.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Provider != "" { // it has left the driver
		b.WriteString(e.Provider + " " + e.Op + ": ")
	}
	b.WriteString(string(e.Kind))
	if e.Status != 0 {
		b.WriteString(" (status " + strconv.Itoa(e.Status))
		if e.Code != "" {
			b.WriteString(", code " + e.Code)
		}
		b.WriteString(")")
	} else if e.Code != "" {
		b.WriteString(" (code " + e.Code + ")")
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of an error; KindInternal for one that has none.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return KindInternal
}

// Errorf makes an *Error without provider and op, which Account fills in.
func Errorf(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Err: fmt.Errorf(format, args...)}
}

// Unauthenticated wraps one of the verification errors.
func Unauthenticated(err error) *Error { return &Error{Kind: KindUnauthenticated, Err: err} }
