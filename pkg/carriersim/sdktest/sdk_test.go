//go:build sdk

package sdktest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

// patience is how long a test waits for something that must happen.
const patience = time.Minute

// facts is what a program tells beside the name of the step.
type facts map[string]any

// story is a program in Node that runs.
type story struct {
	t       *testing.T
	carrier carriersim.Carrier
	cmd     *exec.Cmd
	lines   *bufio.Scanner
	noise   bytes.Buffer // what it prints otherwise
}

// begin runs a program with the address of a carrier's API and what it has to
// know of the account. Of our environment it sees the PATH only: a proxy, say,
// is none of its business.
func begin(t *testing.T, c carriersim.Carrier, program string, account facts) *story {
	t.Helper()
	account["api"] = c.APIURL()
	doc, err := json.Marshal(account)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), patience)
	s := &story{t: t, carrier: c, cmd: exec.CommandContext(ctx, "node", program, string(doc))}
	s.cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	s.cmd.Stdout, s.cmd.Stderr = &s.noise, &s.noise
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	s.cmd.ExtraFiles = []*os.File{in}
	s.lines = bufio.NewScanner(out)
	err = s.cmd.Start()
	in.Close()
	if err != nil {
		t.Fatalf("node, which these tests need: %v", err)
	}
	t.Cleanup(func() {
		stop()
		s.cmd.Wait()
		out.Close()
	})
	return s
}

// step reads the next line, which must tell of a step and these facts.
func (s *story) step(name string, want facts) {
	s.t.Helper()
	if !s.lines.Scan() {
		s.t.Fatalf("the program ended before %q: %v\n%s%v", name, s.cmd.Wait(), &s.noise, s.carrier.Calls())
	}
	told := s.decode(s.lines.Bytes())
	if told["step"] != name {
		s.t.Fatalf("the program told %v, want %q\n%v", told, name, s.carrier.Calls())
	}
	delete(told, "step")
	doc, err := json.Marshal(want)
	if err != nil {
		s.t.Fatal(err)
	}
	if diff := cmp.Diff(s.decode(doc), told); diff != "" { // numbers are alike when both were JSON
		s.t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func (s *story) decode(doc []byte) (f facts) {
	s.t.Helper()
	if err := json.Unmarshal(doc, &f); err != nil {
		s.t.Fatalf("%v in %s", err, doc)
	}
	return f
}

// end waits for the end of the program, which must be a success.
func (s *story) end() {
	s.t.Helper()
	for s.lines.Scan() {
		s.t.Errorf("the program goes on: %s", s.lines.Bytes())
	}
	if err := s.cmd.Wait(); err != nil {
		s.t.Fatalf("%v\n%s", err, &s.noise)
	}
}

// saw checks that a call is over, that its timeline has entries which begin with
// these words, and that the carrier has nothing to complain of.
func saw(t *testing.T, c *carriersim.Call, words ...string) {
	t.Helper()
	select {
	case <-c.Done():
	case <-time.After(patience):
		t.Fatalf("call %s still runs:\n%s", c.ID(), c)
	}
	for _, what := range words {
		if !c.Saw(what) {
			t.Errorf("call %s did not see %q:\n%s", c.ID(), what, c)
		}
	}
	if c.Saw("warning") {
		t.Errorf("the carrier complains of call %s:\n%s", c.ID(), c)
	}
}

// dialled waits for the call that the program makes to a number.
func dialled(t *testing.T, c carriersim.Carrier, to string) *carriersim.Call {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	call, err := c.AwaitCall(ctx, func(o *carriersim.Call) bool { return o.To() == to })
	if err != nil {
		t.Fatal(err)
	}
	return call
}
