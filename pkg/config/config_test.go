package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/trunkline-io/trunkline/pkg/config"
)

type shared struct {
	URL    string `env:"NATS_URL" envDefault:"nats://127.0.0.1:4222" help:"where NATS is"`
	Secret string `env:"SECRET_KEY"`
}

type ingress struct {
	Listen string        `env:"INGRESS_LISTEN" envDefault:":8080"`
	Wait   time.Duration `env:"INGRESS_WAIT" envDefault:"2s"`
}

func TestLoad(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		environ []string
		err     string // part of the error, "" for none
	}{
		"defaults":          {environ: []string{"PATH=/bin"}},
		"set":               {environ: []string{"TRUNKLINE_INGRESS_WAIT=3s"}},
		"secret by file":    {environ: []string{"TRUNKLINE_SECRET_KEY_FILE=" + file}},
		"another service's": {environ: []string{"TRUNKLINE_INGRESS_LISTEN=:1", "TRUNKLINE_MEDIA_LISTEN=:2"}},
		"misspelt":          {[]string{"TRUNKLINE_NATS_ULR=x"}, "TRUNKLINE_NATS_ULR is not a setting"},
		"own misspelt":      {[]string{"TRUNKLINE_INGRESS_LISTEN=:1", "TRUNKLINE_INGRESS_LISTN=x"}, "TRUNKLINE_INGRESS_LISTN is not a setting"},
		"two services":      {environ: []string{"TRUNKLINE_CALLCTL_SWEEP=1", "TRUNKLINE_MEDIA_LISTEN=:2"}},
		"not a duration":    {[]string{"TRUNKLINE_INGRESS_WAIT=soon"}, "Wait"},
		"no such file":      {[]string{"TRUNKLINE_SECRET_KEY_FILE=/nowhere"}, "TRUNKLINE_SECRET_KEY_FILE"},
		"given twice":       {[]string{"TRUNKLINE_SECRET_KEY=a", "TRUNKLINE_SECRET_KEY_FILE=" + file}, "both"},
	} {
		t.Run(name, func(t *testing.T) {
			var s shared
			var own ingress
			err := config.Load(c.environ, &s, &own)
			if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
				t.Fatalf("error %v, want one with %q", err, c.err)
			}
			switch {
			case name == "set" && own.Wait != 3*time.Second:
				t.Errorf("wait is %s, want 3s", own.Wait)
			case name == "secret by file" && s.Secret != "s3cret":
				t.Errorf("secret is %q, want it from the file", s.Secret)
			case name == "defaults" && own.Listen != ":8080":
				t.Errorf("listen is %q, want the default", own.Listen)
			}
		})
	}
}

func TestReferenceNamesEverySetting(t *testing.T) {
	got := config.Reference(shared{}, ingress{})
	for _, want := range []string{"TRUNKLINE_NATS_URL", "nats://127.0.0.1:4222", "where NATS is", "TRUNKLINE_INGRESS_WAIT"} {
		if !strings.Contains(got, want) {
			t.Errorf("reference lacks %q:\n%s", want, got)
		}
	}
}
