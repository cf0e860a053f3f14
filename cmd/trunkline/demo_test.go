package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/cmd/trunkline/internal/demo"
	"github.com/trunkline-io/trunkline/pkg/audio/wav"
)

// TestDemo runs the whole demonstration: every service, every simulated
// carrier, a call in either direction.
func TestDemo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "by-the-demo")
	var stdout, stderr bytes.Buffer
	code := run([]string{"demo", "--json", "--out", dir}, &stdout, &stderr)
	document := stdout.String()
	if code != exitOK || stderr.Len() > 0 {
		t.Fatalf("exit %d, stderr %q, stdout %s", code, stderr.String(), document)
	}
	var report demo.Report
	decoder := json.NewDecoder(&stdout)
	if err := decoder.Decode(&report); err != nil {
		t.Fatal(err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		t.Errorf("more than one document on stdout: %s", document)
	}
	var got, want []string
	for _, c := range report.Calls {
		got = append(got, c.Carrier+" "+string(c.Direction))
		if !c.OK || c.Similarity < 0.9 || c.Greeting.Similarity < 0.9 || c.DelayMS <= 0 || c.AnsweredMS == nil {
			t.Errorf("%s %s: %+v", c.Carrier, c.Direction, c)
		}
		said, heard := length(t, c.SaidWAV), length(t, c.HeardWAV)
		if min(said, heard) < 6 || max(said, heard)-min(said, heard) > 0.1 {
			t.Errorf("%s %s: %.1f s said and %.1f s heard, want one time line", c.Carrier, c.Direction, said, heard)
		}
	}
	for _, name := range demo.Names() {
		want = append(want, name+" inbound", name+" outbound")
	}
	if diff := cmp.Diff(want, got); diff != "" || !report.OK {
		t.Errorf("ok %t, calls (-want +got):\n%s", report.OK, diff)
	}
}

// TestDemoMisused holds that a carrier that does not exist is refused by name.
func TestDemoMisused(t *testing.T) {
	var stdout, stderr bytes.Buffer
	dir := filepath.Join(t.TempDir(), "out")
	code := run([]string{"demo", "--json", "--out", dir, "--carrier", "telegraph"}, &stdout, &stderr)
	if code != exitFailed || stdout.Len() > 0 || !bytes.Contains(stderr.Bytes(), []byte(`no simulated carrier "telegraph"`)) {
		t.Errorf("exit %d, stdout %q, stderr %q", code, stdout.String(), stderr.String())
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder was made all the same (%v)", err)
	}
}

// length returns the length of a recording in seconds.
func length(t *testing.T, path string) float64 {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer file.Close()
	pcm, rate, err := wav.Decode(file)
	if err != nil {
		t.Error(err)
		return 0
	}
	return float64(len(pcm)) / float64(rate)
}
