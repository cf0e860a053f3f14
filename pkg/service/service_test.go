package service_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/sirupsen/logrus"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/bus/bustest"
	"github.com/trunkline-io/trunkline/pkg/service"
	"github.com/trunkline-io/trunkline/pkg/trunk"
)

// asProgram makes this test binary run a service instead of tests.
const asProgram = "RUN_AS_SERVICE"

func TestMain(m *testing.M) {
	if how, ok := os.LookupEnv(asProgram); ok {
		os.Args = append(os.Args[:1], strings.Fields(how)...)
		var settings struct {
			Greeting string `env:"GREETING" envDefault:"hello" help:"what is printed"`
		}
		os.Exit(service.Main("toy", &settings, func(ctx context.Context, _ *trunk.Keys, b *bus.Bus, log *logrus.Logger) error {
			log.Info(settings.Greeting)
			<-ctx.Done()
			return nil
		}))
	}
	os.Exit(m.Run())
}

func program(t *testing.T, args string, env ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append([]string{asProgram + "=" + args, "PATH=" + os.Getenv("PATH")}, env...)
	return cmd
}

func TestMainRunsUntilSIGTERM(t *testing.T) {
	cmd := program(t, "", "TRUNKLINE_NATS_URL="+bustest.Server(t).ClientURL(),
		"TRUNKLINE_SECRET_KEY="+strings.Repeat("k", trunk.MinSecret), "TRUNKLINE_GREETING=good day")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var line struct{ Msg, Level string }
	if err := json.NewDecoder(stderr).Decode(&line); err != nil || line.Msg != "good day" || line.Level != "info" {
		t.Errorf("the log begins with %+v, %v", line, err)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
}

func TestMainSaysWhatIsWrong(t *testing.T) {
	key := "TRUNKLINE_SECRET_KEY=" + strings.Repeat("k", trunk.MinSecret)
	for name, tt := range map[string]struct {
		args string
		env  []string
		want string
	}{
		"no key":        {"", nil, "TRUNKLINE_SECRET_KEY"},
		"short key":     {"", []string{"TRUNKLINE_SECRET_KEY=hush-hush"}, "openssl rand"},
		"misspelt name": {"", []string{key, "TRUNKLINE_GREETNG=x"}, "TRUNKLINE_GREETNG"},
		"log level":     {"", []string{key, "TRUNKLINE_LOG_LEVEL=loud"}, "TRUNKLINE_LOG_LEVEL"},
		"no server":     {"", []string{key, "TRUNKLINE_NATS_URL=nats://127.0.0.1:1"}, "connect to nats"},
		"argument":      {"run", []string{key}, "takes no arguments"},
	} {
		var stderr bytes.Buffer
		cmd := program(t, tt.args, tt.env...)
		cmd.Stderr = &stderr
		err := cmd.Run()
		if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(stderr.String(), tt.want) {
			t.Errorf("%s: %v, %q; want exit 1 and %q", name, err, stderr.String(), tt.want)
		}
		if strings.Contains(stderr.String(), "kkkk") || strings.Contains(stderr.String(), "hush") {
			t.Errorf("%s: the secret is in %q", name, stderr.String())
		}
	}
	out, err := program(t, "--help").Output()
	for _, want := range []string{"TRUNKLINE_GREETING", "what is printed", "TRUNKLINE_SECRET_KEY", "TRUNKLINE_NATS_URL"} {
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("--help lacks %s: %v, %s", want, err, out)
		}
	}
}

func TestMaskNumber(t *testing.T) {
	for number, want := range map[string]string{"+14155550177": "+1415*****77", "1001": "*****", "": "*****"} {
		if got := service.MaskNumber(number); got != want {
			t.Errorf("%q is shown as %q, want %q", number, got, want)
		}
	}
}
