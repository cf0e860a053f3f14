package carriersim

import (
	"fmt"
	"testing"
	"time"
)

func TestRetryOn(t *testing.T) {
	connect, silent := fmt.Errorf("x: %w", ErrConnect), fmt.Errorf("x: %w", ErrNoReply)
	for name, test := range map[string]struct {
		words  []string
		status int
		err    error
		want   bool
	}{
		"connect":          {[]string{"ct"}, 0, connect, true},
		"no reply":         {[]string{"ct"}, 0, silent, false},
		"read":             {[]string{"rt"}, 0, silent, true},
		"not found":        {[]string{"4xx"}, 404, nil, true},
		"unavailable":      {[]string{"4xx"}, 503, nil, false},
		"server error":     {[]string{"ct", "5xx"}, 503, nil, true},
		"all, no reply":    {[]string{"all"}, 0, silent, true},
		"all, but a reply": {[]string{"all"}, 200, nil, false},
	} {
		if got := RetryOn(test.words...)(test.status, test.err); got != test.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestOverride(t *testing.T) {
	p := Policy{Connect: time.Second, Read: time.Second, Total: time.Second, Retries: 1, Retry: RetryOn("ct")}
	p = p.Override("ct=2000&rt=5000&tt=10000&rc=3&rp=5xx,rt&er=frankfurt&rc=x")
	if p.Connect != 2*time.Second || p.Read != 5*time.Second || p.Total != 10*time.Second || p.Retries != 3 {
		t.Errorf("%+v", p)
	}
	if !p.Retry(503, nil) || p.Retry(0, ErrConnect) {
		t.Error("rp was not taken")
	}
	if q := p.Override(""); q.Retries != 3 {
		t.Errorf("nothing changed something: %+v", q)
	}
}
