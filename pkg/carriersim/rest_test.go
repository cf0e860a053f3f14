package carriersim

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// switchboard is a REST API that counts what it did.
type switchboard struct {
	*Exchange
	mu    sync.Mutex
	acted int
}

func newSwitchboard(t testing.TB) *switchboard {
	s := &switchboard{Exchange: newTestExchange(t)}
	err := s.Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.acted++
		s.mu.Unlock()
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Made", "yes")
		w.WriteHeader(http.StatusCreated)
		w.Write([]byte(strings.Repeat("made "+string(body)+" ", 100)))
	}), func(w http.ResponseWriter, status int) {
		w.WriteHeader(status)
		w.Write([]byte("refused " + strconv.Itoa(status)))
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// post makes a request on a connection of its own.
func (s *switchboard) post(t testing.TB, limit time.Duration) (status int, body string, err error) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), limit)
	defer stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.APIURL()+"/calls", strings.NewReader("call"))
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	doc, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(doc), err
}

func (s *switchboard) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.acted
}

func TestRESTFaults(t *testing.T) {
	for name, test := range map[string]struct {
		fault  RESTFault
		status int
		body   string // its beginning
		failed bool
		acted  int
	}{
		"none that matches":    {RESTFault{Status: 500, Match: func(r *http.Request) bool { return r.Method == http.MethodGet }}, 201, "made call", false, 1},
		"429":                  {RESTFault{Status: 429}, 429, "refused 429", false, 0},
		"500 before":           {RESTFault{Status: 500}, 500, "refused 500", false, 0},
		"500 after":            {RESTFault{Status: 500, After: true}, 500, "refused 500", false, 1},
		"time-out before":      {RESTFault{Hang: true}, 0, "", true, 0},
		"time-out after":       {RESTFault{Hang: true, After: true}, 0, "", true, 1},
		"cut before":           {RESTFault{Cut: true}, 0, "", true, 0},
		"cut amid the reply":   {RESTFault{Cut: true, After: true}, 201, "made call", true, 1},
		"slow":                 {RESTFault{Delay: time.Millisecond}, 201, "made call", false, 1},
		"passed over at first": {RESTFault{Status: 500, When: When{Skip: 1}}, 201, "made call", false, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSwitchboard(t)
			s.Faults().REST(test.fault)
			limit := patience
			if test.fault.Hang {
				limit = 200 * time.Millisecond
			}
			status, body, err := s.post(t, limit)
			if status != test.status || !strings.HasPrefix(body, test.body) || (err != nil) != test.failed {
				t.Errorf("status %d, body %.20q, error %v", status, body, err)
			}
			if got := s.count(); got != test.acted {
				t.Errorf("acted %d times, want %d", got, test.acted)
			}
		})
	}
}

func TestRESTFaultHeader(t *testing.T) {
	s := newSwitchboard(t)
	s.Faults().REST(RESTFault{Status: 429, Header: http.Header{"Retry-After": {"7"}}, When: When{Times: 1}})
	resp, err := http.Post(s.APIURL(), "text/plain", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.Header.Get("Retry-After") != "7" || resp.Header.Get("X-Made") != "" {
		t.Errorf("header %v", resp.Header)
	}
	if status, _, err := s.post(t, patience); status != 201 || err != nil {
		t.Errorf("the second request: %d %v", status, err)
	}
}

func TestStages(t *testing.T) {
	s := newSwitchboard(t)
	type point struct {
		Stage string
		Acted int
		Known bool
	}
	var mu sync.Mutex
	var got []point
	last := make(chan struct{})
	s.Faults().OnREST(func(stage Stage, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, point{stage.String(), s.count(), r != nil})
		if stage == Replied {
			close(last)
		}
	})
	if status, _, err := s.post(t, patience); status != 201 || err != nil {
		t.Fatalf("%d %v", status, err)
	}
	<-last
	mu.Lock()
	defer mu.Unlock()
	want := []point{{"accepted", 0, false}, {"read", 0, true}, {"acted", 1, true}, {"replied", 1, true}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestCloseReleasesAHangingRequest must return.
func TestCloseReleasesAHangingRequest(t *testing.T) {
	s := newSwitchboard(t)
	reached := make(chan struct{})
	s.Faults().REST(RESTFault{Hang: true})
	s.Faults().OnREST(func(stage Stage, _ *http.Request) {
		if stage == Read {
			close(reached)
		}
	})
	ended := make(chan error, 1)
	go func() {
		_, _, err := s.post(t, patience)
		ended <- err
	}()
	<-reached
	s.Close()
	if err := <-ended; err == nil {
		t.Error("a request that hung was answered")
	}
}
