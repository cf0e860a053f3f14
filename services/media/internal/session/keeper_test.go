package session

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/trunkline-io/trunkline/pkg/bus/bustest"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/subject"
	"github.com/trunkline-io/trunkline/pkg/trunk"
)

// TestSocketOnAnotherNodeReplaces: a leg came back to its stream at another
// node, while the socket here is dead and does not know it.
func TestSocketOnAnotherNodeReplaces(t *testing.T) {
	b := bustest.New(t)
	live, err := b.Bucket(t.Context(), subject.BucketLive)
	if err != nil {
		t.Fatal(err)
	}
	account, err := provider.Open("twilio", provider.Config{Values: map[string]any{"account_sid": "AC00000000000000000000000000000001", "auth_token": "t"}})
	if err != nil {
		t.Fatal(err)
	}
	socketOf := func(node, stream string, since time.Time) *session {
		n := &Node{Name: node, Bus: b, Live: live, Metrics: NewMetrics(prometheus.NewRegistry()), Log: bustest.Log(t)}
		ctx, cancel := context.WithCancel(t.Context())
		t.Cleanup(cancel)
		s := n.newSession(ctx, Call{Org: "default", ID: "c1", Stream: stream, Trunk: &trunk.Line{Account: account}}, nil)
		s.since = since
		return s
	}
	reasonOf := func(s *session) string {
		if s.ctx.Err() == nil {
			return ""
		}
		return why(s.ctx).reason
	}
	now := time.Now()
	before := socketOf("node-0", "another stream", now.Add(time.Hour))
	first := socketOf("node-1", "S1", now)
	second := socketOf("node-2", "S1", now.Add(time.Second))
	for _, s := range []*session{before, first, first, second, second, first, second} {
		s.beat()
	}
	if diff := cmp.Diff([]string{"", reasonReplaced, ""}, []string{reasonOf(before), reasonOf(first), reasonOf(second)}); diff != "" {
		t.Errorf("sessions ended for (-want +got):\n%s", diff)
	}
	doc, _, err := live.Get(t.Context(), subject.LiveKey("default", "c1"))
	if err != nil {
		t.Fatal(err)
	}
	var mark alive
	if err := json.Unmarshal(doc, &mark); err != nil || mark.Node != "node-2" {
		t.Errorf("the heartbeat is %s, %v; want node-2's", doc, err)
	}
}
