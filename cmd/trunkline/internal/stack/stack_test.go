package stack

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/bus/bustest"
	_ "github.com/trunkline-io/trunkline/pkg/provider/twilio"
	"github.com/trunkline-io/trunkline/pkg/trunk"
)

func start(t *testing.T, dir string, environ ...string) (*Stack, error) {
	t.Helper()
	return Start(t.Context(), Config{Dir: dir, Listen: "127.0.0.1:0", PublicURL: "https://calls.example.com", Log: bustest.Log(t), Environ: environ})
}

// TestRestartKeepsKeyAndRecords holds that what was configured, the sealed
// credentials and the URLs that carriers were told outlive the process.
func TestRestartKeepsKeyAndRecords(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "by-start")
	s, err := start(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	record := trunk.Trunk{Org: "default", Name: "main", Provider: "twilio", Config: map[string]any{
		"account_sid": "AC" + strings.Repeat("a", 32), "auth_token": strings.Repeat("b", 32)}}
	var before, after map[string]any
	if err := s.Bus.Ask(t.Context(), "registry", "trunk", "put", record, &before); err != nil {
		t.Error(err)
	}
	for range 2 { // a second Stop does nothing
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	}
	info, err := os.Stat(filepath.Join(dir, "secret.key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("secret key: %v, %v; want mode 600", info, err)
	}
	if s, err = start(t, dir); err != nil {
		t.Fatal(err)
	}
	if err := s.Bus.Ask(t.Context(), "registry", "trunk", "get", map[string]string{"org": "default", "name": "main"}, &after); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("after the restart: %s", diff)
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
}

func TestKeyThatOthersCanReadIsRefused(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "secret.key")
	for _, mode := range []os.FileMode{0o640, 0o604} {
		if err := os.WriteFile(file, []byte(strings.Repeat("k", trunk.MinSecret)), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := openKeys(dir); err == nil || !strings.Contains(err.Error(), "chmod 600") || strings.Contains(err.Error(), "kkkk") {
			t.Errorf("mode %o: %v, want it refused with what to do", mode, err)
		}
	}
}

// TestFailedStartLeavesNothing holds that the address and the data folder are
// free again, and the error says one thing.
func TestFailedStartLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	for name, tt := range map[string]struct{ setting, want string }{
		"unknown setting":         {"TRUNKLINE_INGRESS_LISTN=x", "TRUNKLINE_INGRESS_LISTN"},
		"setting of a service":    {"TRUNKLINE_CALLCTL_PARALLEL=0", "TRUNKLINE_CALLCTL_PARALLEL"},
		"service cannot be begun": {"TRUNKLINE_CALLCTL_REDIS_URL=http://x", "TRUNKLINE_CALLCTL_REDIS_URL"},
	} {
		_, err := start(t, dir, tt.setting)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "closed network") {
			t.Errorf("%s: %v, want %s named", name, err, tt.want)
		}
	}
	s, err := start(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Start(t.Context(), Config{Dir: t.TempDir(), Listen: s.Addr, Log: bustest.Log(t)}); err == nil {
		t.Error("a second stack took the same address")
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
}

// TestFrontStoppedWhileItStarts holds that neither the front nor the services
// behind it hang when the stop comes before the first request.
func TestFrontStoppedWhileItStarts(t *testing.T) {
	for range 50 {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		f := newFront(ln, bustest.Log(t))
		ctx, stop := context.WithCancel(t.Context())
		served := make(chan error, backends)
		for backend := range backends {
			go func() { served <- f.serve(backend)(ctx, fiber.New()) }()
		}
		if err := f.run(ctx, stop); err != nil {
			t.Fatal(err)
		}
		for range backends {
			if err := <-served; err != nil {
				t.Fatal(err)
			}
		}
		if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Fatalf("the listener is still there: %v", err)
		}
	}
}

// TestFrontRefusesWhatItCannotRead with the status that says why.
func TestFrontRefusesWhatItCannotRead(t *testing.T) {
	s, err := start(t, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		request string
		status  int
	}{
		"2 MB":             {"POST /v1/inbound HTTP/1.1\r\nHost: x\r\nContent-Length: 2097152\r\n\r\n" + strings.Repeat("x", 2<<20), 413},
		"header too large": {"POST /v1/inbound HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 17<<10) + "\r\n\r\n", 431},
		"no HTTP":          {"hello\r\n\r\n", 400},
	} {
		conn, err := net.Dial("tcp", s.Addr)
		if err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = io.WriteString(conn, c.request) }() // nobody reads it to its end
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if resp.StatusCode != c.status {
			t.Errorf("%s: status %d, want %d", name, resp.StatusCode, c.status)
		}
		_ = conn.Close()
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
}
