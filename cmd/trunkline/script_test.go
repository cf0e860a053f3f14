package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/trunkline-io/trunkline/cmd/trunkline/internal/stack"
	"github.com/trunkline-io/trunkline/pkg/carriersim/ari"
	"github.com/trunkline-io/trunkline/pkg/service"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"trunkline": func() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) },
	})
}

// TestScript runs the stories in testdata/script against a Trunkline of each
// story's own; TRUNKLINE_NATS_URL says where it is.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:  "testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"pbx": startPBX},
		Setup: func(e *testscript.Env) error {
			log, err := service.NewLog(os.Stderr, "error")
			if err != nil {
				return err
			}
			s, err := stack.Start(t.Context(), stack.Config{Dir: filepath.Join(e.WorkDir, ".data"), Listen: "127.0.0.1:0",
				PublicURL: "https://calls.example.com", Log: log})
			if err != nil {
				return err
			}
			e.Defer(func() {
				if err := s.Stop(); err != nil {
					t.Error(err)
				}
			})
			e.Setenv("TRUNKLINE_NATS_URL", s.NATSURL)
			return nil
		},
	})
}

// startPBX is the command pbx NAME VERSION [read-only]: it starts a simulated
// Asterisk, whose password is $PASSWORD, and sets NAME to its address.
func startPBX(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: pbx NAME VERSION [read-only]")
	}
	c, err := ari.New(ari.Options{Password: ts.Getenv("PASSWORD"), Version: args[1], ReadOnly: len(args) > 2})
	ts.Check(err)
	ts.Defer(func() { _ = c.Close() })
	ts.Setenv(args[0], c.APIURL())
}

// TestComposeFile holds docker-compose.yml to what the README says of it.
func TestComposeFile(t *testing.T) {
	doc, err := os.ReadFile("../../docker-compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	var compose struct {
		Services map[string]struct {
			Image         string
			ContainerName string `yaml:"container_name"`
			Ports         []string
			Environment   map[string]string
			DependsOn     map[string]any `yaml:"depends_on"`
		}
	}
	if err := yaml.UnmarshalWithOptions(doc, &compose, yaml.AllowDuplicateMapKey()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ingress", "callctl", "media", "registry"} {
		s, ok := compose.Services[name]
		if !ok {
			t.Errorf("there is no service %s", name)
			continue
		}
		if s.ContainerName != "" {
			t.Errorf("%s has a container name and cannot be scaled", name)
		}
		for _, port := range s.Ports {
			if len(port) > 5 {
				t.Errorf("%s binds the host port of %s and cannot be scaled", name, port)
			}
		}
		if s.Environment["TRUNKLINE_NATS_URL"] == "" || s.Environment["TRUNKLINE_SECRET_KEY"] == "" || s.DependsOn["nats"] == nil {
			t.Errorf("%s lacks NATS or the secret key", name)
		}
	}
	if image := compose.Services["nats"].Image; image < "nats:2.12" {
		t.Errorf("nats image is %s, want 2.12 or newer", image)
	}
}
