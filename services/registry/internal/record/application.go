package record

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"

	"github.com/trunkline-io/trunkline/pkg/command"
	"github.com/trunkline-io/trunkline/pkg/subject"
	"github.com/trunkline-io/trunkline/pkg/trunk"
)

// putApplication creates or changes an application.
func (r *Records) putApplication(ctx context.Context, a trunk.Application) (any, error) {
	if err := checkIDs("org", a.Org, "name", a.Name); err != nil {
		return nil, err
	}
	if a.Agent.Kind == "" {
		a.Agent.Kind = trunk.AgentNATS
	}
	if a.Format.Rate == 0 {
		a.Format = trunk.DefaultFormat
	}
	if err := checkApplication(a); err != nil {
		return nil, err
	}
	key := subject.ApplicationKey(a.Org, a.Name)
	_, revision, err := get[trunk.Application](ctx, r.applications, key, applicationName(a.Name))
	if err != nil && !isNotFound(err) {
		return nil, err
	}
	_, err = put(ctx, r.applications, key, applicationName(a.Name), a, revision)
	return a, err
}

func checkApplication(a trunk.Application) error {
	switch u, err := url.Parse(a.Agent.URL); {
	case a.Agent.Kind != trunk.AgentNATS && a.Agent.Kind != trunk.AgentWebSocket:
		return command.Refuse("invalid_agent", "agent kind is %q, want nats or websocket", a.Agent.Kind)
	case a.Agent.Kind == trunk.AgentWebSocket && (err != nil || u.Scheme != "ws" && u.Scheme != "wss" || u.Host == ""):
		return command.Refuse("invalid_agent", "agent url is %q, want ws://host/path or wss://host/path", a.Agent.URL)
	case a.Agent.Kind == trunk.AgentNATS && a.Agent.URL != "":
		return command.Refuse("invalid_agent", "an agent on nats has no url; it joins the queue of %s", subject.Offer(a.Org, a.Name))
	case !a.Format.Valid():
		return command.Refuse("invalid_format", "audio format %s is not one of ulaw/8000, alaw/8000, l16/8000, l16/16000, l16/24000, l16/48000", a.Format)
	case a.AmbientGain < 0 || a.AmbientGain > 1:
		return command.Refuse("invalid_ambient_gain", "ambient_gain is %g, want 0 to 1", a.AmbientGain)
	}
	if len(a.Fallback.Steps) == 0 {
		return nil
	}
	if err := a.Fallback.Validate(); err != nil {
		return command.Refuse("invalid_fallback", "%s", err)
	}
	if !a.Fallback.Fallback() {
		return command.Refuse("invalid_fallback", "a fallback works while Trunkline does not: it may only say, play, pause, dial, reject and hang up")
	}
	return nil
}

func (r *Records) getApplication(ctx context.Context, q Name) (any, error) {
	a, _, err := get[trunk.Application](ctx, r.applications, subject.ApplicationKey(q.Org, q.Name), applicationName(q.Name))
	return a, err
}

func (r *Records) listApplications(ctx context.Context, q Name) (any, error) {
	if err := q.check(); err != nil {
		return nil, err
	}
	apps, err := list[trunk.Application](ctx, r.applications, q.Org+".*")
	slices.SortFunc(apps, func(a, b trunk.Application) int { return cmp.Compare(a.Name, b.Name) })
	return apps, err
}

// deleteApplication removes an application that no number is bound to.
func (r *Records) deleteApplication(ctx context.Context, q Name) (any, error) {
	if _, err := r.getApplication(ctx, q); err != nil {
		return nil, err
	}
	numbers, err := list[trunk.Number](ctx, r.numbers, q.Org+".>")
	if err != nil {
		return nil, err
	}
	for _, n := range numbers {
		if n.Application == q.Name {
			return nil, command.Refuse("in_use", "application %q still answers %s of trunk %q; remove that number first", q.Name, n.Address, n.Trunk)
		}
	}
	return q, r.applications.Delete(ctx, subject.ApplicationKey(q.Org, q.Name))
}

func applicationName(name string) string { return fmt.Sprintf("application %q", name) }
