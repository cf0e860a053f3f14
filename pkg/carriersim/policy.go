package carriersim

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ErrConnect is a webhook that reached nobody.
var ErrConnect = errors.New("connect failed")

// ErrNoReply is a webhook that was sent and not answered, or not in time.
var ErrNoReply = errors.New("no reply")

// Policy says how long a carrier tries to deliver a webhook.
type Policy struct {
	Connect time.Duration // for one connection
	Read    time.Duration // from the request to the end of the reply
	Total   time.Duration // for all tries
	Retries int           // beyond the first
	// Retry tells whether a failure is worth another try. err is ErrConnect or
	// ErrNoReply, or nil where there was a reply with that status.
	Retry   func(status int, err error) bool
	Backoff func(retry int) time.Duration // before retry 1, 2, ...; nil is none
}

// RetryOn makes a Retry of a list of the words that Twilio, Plivo and Vobiz
// use: ct (connect), rt (read time-out), 4xx, 5xx, all.
func RetryOn(words ...string) func(status int, err error) bool {
	has := func(w string) bool { return slices.Contains(words, w) || slices.Contains(words, "all") }
	return func(status int, err error) bool {
		switch {
		case errors.Is(err, ErrConnect):
			return has("ct")
		case err != nil:
			return has("rt")
		}
		return status/100 == 4 && has("4xx") || status/100 == 5 && has("5xx")
	}
}

// Override applies the parameters that Twilio, Plivo and Vobiz take from the
// fragment of a webhook's URL: ct, rt, tt in milliseconds, rc, rp. What is
// unknown or malformed changes nothing.
func (p Policy) Override(fragment string) Policy {
	for field := range strings.SplitSeq(fragment, "&") {
		name, value, _ := strings.Cut(field, "=")
		if name == "rp" {
			p.Retry = RetryOn(strings.Split(value, ",")...)
			continue
		}
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 {
			continue
		}
		switch name {
		case "ct":
			p.Connect = time.Duration(n) * time.Millisecond
		case "rt":
			p.Read = time.Duration(n) * time.Millisecond
		case "tt":
			p.Total = time.Duration(n) * time.Millisecond
		case "rc":
			p.Retries = n
		}
	}
	return p
}
