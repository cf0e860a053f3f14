package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/trunkline-io/trunkline/pkg/audio/tone"
	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/bus/bustest"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
	"github.com/trunkline-io/trunkline/pkg/carriersim/ari"
	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/trunk"
)

// up is a running `trunkline up`.
type up struct {
	t     *testing.T
	said  string
	bus   *bus.Bus
	ended chan error
	stop  context.CancelFunc
}

var natsAddress = regexp.MustCompile(`nats://[0-9.]+:[0-9]+`)

// startUp runs it until stop is called, and returns once it has said that it is up.
func startUp(t *testing.T, dir string, echo bool) *up {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	r, w := io.Pipe()
	u := &up{t: t, ended: make(chan error, 1), stop: stop}
	go func() {
		err := upCmd{Data: dir, Listen: "127.0.0.1:0", Echo: echo, LogLevel: "error"}.Run(ctx, w)
		_ = w.CloseWithError(io.EOF)
		u.ended <- err
	}()
	for lines := bufio.NewScanner(r); !strings.Contains(u.said, "Ctrl-C"); {
		if !lines.Scan() {
			stop()
			t.Fatalf("ended before it was up: %v; said %q", <-u.ended, u.said)
		}
		u.said += lines.Text() + "\n"
	}
	b, err := bus.Connect(ctx, bus.Config{URL: natsAddress.FindString(u.said), Client: true, MediaConn: 1}, "test", bustest.Log(t))
	if err != nil {
		t.Fatal(err)
	}
	u.bus = b
	return u
}

// close ends it as Ctrl-C does.
func (u *up) close() {
	u.t.Helper()
	u.bus.Close()
	u.stop()
	if err := <-u.ended; err != nil {
		u.t.Error(err)
	}
}

// offers asks whether somebody takes a call of the application echo.
func (u *up) offers() bool {
	u.t.Helper()
	a, err := u.bus.Offer(u.t.Context(), media.Offer{Org: echoOrg, Call: "c1", Application: echoApp, Format: trunk.DefaultFormat})
	if err != nil && !errors.Is(err, bus.ErrNoResponders) {
		u.t.Error(err)
	}
	return err == nil && a.Accept
}

func (u *up) applications() (names []string) {
	u.t.Helper()
	var apps []trunk.Application
	if err := u.bus.Ask(u.t.Context(), "registry", "application", "list", recordName{Org: echoOrg}, &apps); err != nil {
		u.t.Error(err)
	}
	for _, a := range apps {
		names = append(names, a.Name)
	}
	return names
}

// TestUpHasSomebodyToTalkTo from the first start on, unless that is switched
// off.
func TestUpHasSomebodyToTalkTo(t *testing.T) {
	dir := t.TempDir()
	u := startUp(t, dir, true)
	if apps := u.applications(); len(apps) != 1 || apps[0] != echoApp || !u.offers() || !strings.Contains(u.said, "--no-echo") {
		t.Errorf("first start: applications %q, a call is taken: %t, said %q", apps, u.offers(), u.said)
	}
	u.close()
	for _, echo := range []bool{true, false} {
		u := startUp(t, dir, echo)
		if u.offers() != echo || strings.Contains(u.said, "echo") != echo {
			t.Errorf("a later start with --echo=%t: a call is taken: %t, said %q", echo, u.offers(), u.said)
		}
		u.close()
	}
}

// TestUpLeavesApplicationsAlone where there are some.
func TestUpLeavesApplicationsAlone(t *testing.T) {
	dir := t.TempDir()
	u := startUp(t, dir, false)
	if apps := u.applications(); apps != nil {
		t.Errorf("without the echo there are applications %q", apps)
	}
	mine := trunk.Application{Org: echoOrg, Name: "mine", Agent: trunk.Agent{Kind: trunk.AgentNATS}, Format: trunk.DefaultFormat}
	if err := u.bus.Ask(t.Context(), "registry", "application", "put", mine, nil); err != nil {
		t.Fatal(err)
	}
	u.close()
	u = startUp(t, dir, true)
	if apps := u.applications(); len(apps) != 1 || u.offers() || strings.Contains(u.said, "echo agent") {
		t.Errorf("applications %q, a call to echo is taken: %t, said %q", apps, u.offers(), u.said)
	}
	u.close()
}

// TestFirstCallOverAPBX is the promise of the README: `trunkline up`, one
// trunkline trunk add, and whoever calls the PBX hears the echo of what they say;
// whoever is called, too. It holds whichever side opens the media sockets.
func TestFirstCallOverAPBX(t *testing.T) {
	for name, more := range map[string][]string{
		"Trunkline connects": nil, "the PBX connects": {"--set", "media_mode=websocket-client", "--set", "ws_client_name=gw"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := startUp(t, t.TempDir(), true)
			defer u.close()
			pbx, err := ari.New(ari.Options{Comfort: true, Clients: map[string]ari.Client{
				"gw": {URI: "ws://" + hostAddress.FindStringSubmatch(u.said)[1] + "/v1/media"}}})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = pbx.Close() }()
			u.firstCall(pbx, more)
		})
	}
}

var hostAddress = regexp.MustCompile(`http://([0-9.]+:[0-9]+)`)

func (u *up) firstCall(pbx *ari.Carrier, more []string) {
	u.t.Helper()
	line := func(args ...string) {
		u.t.Helper()
		var stdout, stderr bytes.Buffer
		if code := run(append(args, "--nats", natsAddress.FindString(u.said)), &stdout, &stderr); code != exitOK {
			u.t.Fatalf("%q: exit %d, %s%s", args, code, &stdout, &stderr)
		}
	}
	config := pbx.Config()
	line(append([]string{"trunk", "add", "pbx", "--provider", "ari", "--set", "ari_url=" + config["ari_url"].(string),
		"--set", "username=" + config["username"].(string), "--set", "password=" + config["password"].(string)}, more...)...)

	person := carriersim.Person{Acts: []carriersim.Act{
		carriersim.Speak{PCM: tone.Sine(440, 8000, 2*time.Second, -12), Rate: 8000}, carriersim.Wait{For: time.Second}, carriersim.Hangup{}}}
	pbx.Expect("100", person)
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for answered := false; !answered; <-again.C { // until somebody listens, the dialplan says that nobody does
		in, err := pbx.Ring(u.t.Context(), "+14155550177", "8000", person)
		if err != nil {
			u.t.Fatal(err)
		}
		<-in.Done()
		answered = in.Answered()
	}
	line("call", "PJSIP/100@carrier", "--trunk", "pbx", "--application", echoApp)
	for _, c := range pbx.Calls() {
		if c.Answered() && loud(c.Heard()) < c.Rate()/2 {
			u.t.Errorf("%s to %s heard %d samples of what they said, want half a second at least; %v", c.From(), c.To(), loud(c.Heard()), c.Timeline())
		}
	}
}

// loud counts the samples of a sound that is no noise.
func loud(pcm []int16) (n int) {
	for _, s := range pcm {
		if s > 1000 || s < -1000 {
			n++
		}
	}
	return n
}
