// Command trunkline runs Trunkline on one machine and is its user's command
// line: set up trunks, numbers and applications, place calls, watch events.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/command"
	_ "github.com/trunkline-io/trunkline/pkg/provider/all"
	"github.com/trunkline-io/trunkline/pkg/service"
)

// Exit codes.
const (
	exitOK      = 0
	exitFailed  = 1 // it was tried, and did not work
	exitMisused = 2 // the command line makes no sense
)

// version is set by the linker in releases.
var version = "dev"

// cli is the command line.
type cli struct {
	Up          upCmd          `cmd:"" help:"Run everything in one process: a NATS server that keeps its data, and all services."`
	Demo        demoCmd        `cmd:"" help:"Hear simulated calls go through the whole pipeline; needs no account and no phone."`
	Call        callCmd        `cmd:"" help:"Place a call and follow what happens to it."`
	Hangup      hangupCmd      `cmd:"" help:"End a call."`
	Calls       callsCmd       `cmd:"" help:"List the calls in progress."`
	Events      eventsCmd      `cmd:"" help:"Follow what is recorded."`
	Trunk       trunkCmd       `cmd:"" help:"Trunks: your accounts at carriers."`
	Number      numberCmd      `cmd:"" help:"Numbers: which application answers which number."`
	Application applicationCmd `cmd:"" help:"Applications: what answers and talks."`
	Provider    providerCmd    `cmd:"" help:"The kinds of carrier that are built in."`
	Dead        deadCmd        `cmd:"" help:"List orders and callbacks that could not be used, with the reason."`
	Agent       agentCmd       `cmd:"" help:"Run a ready-made agent, to try things out."`
	Version     versionCmd     `cmd:"" help:"Print the version."`
}

// client holds what every command that asks a running Trunkline needs.
type client struct {
	NATS string `name:"nats" env:"TRUNKLINE_NATS_URL" default:"nats://127.0.0.1:4222" help:"NATS servers of the Trunkline to talk to."`
	Org  string `env:"TRUNKLINE_ORG" default:"default" help:"Tenant."`
	JSON bool   `name:"json" help:"Print JSON, for programs."`
}

// connect dials the bus.
func (c client) connect(ctx context.Context) (*bus.Bus, error) {
	log, err := service.NewLog(io.Discard, "error")
	if err != nil {
		return nil, err
	}
	b, err := bus.Connect(ctx, bus.Config{URL: c.NATS, Client: true, MediaConn: 1}, "trunkline-cli", log)
	if err != nil {
		return nil, fmt.Errorf("%w (is `trunkline up` running? --nats or TRUNKLINE_NATS_URL says where)", err)
	}
	return b, nil
}

// ask connects and sends one request to registry.
func (c client) ask(ctx context.Context, noun, verb string, request, reply any) error {
	b, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	err = b.Ask(ctx, "registry", noun, verb, request, reply)
	if errors.Is(err, bus.ErrNoResponders) {
		return errors.New("no registry runs on this NATS; start `trunkline up` or the registry service")
	}
	return err
}

type versionCmd struct{}

// Run prints the version.
func (versionCmd) Run(out io.Writer) error {
	_, err := fmt.Fprintln(out, "trunkline", version)
	return err
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is main with its surroundings handed in.
func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	var c cli
	exited := -1
	parser, err := kong.New(&c,
		kong.Name("trunkline"), kong.Description("Carrier-neutral telephony for programs that talk."),
		kong.UsageOnError(), kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Writers(stdout, stderr), kong.Exit(func(code int) { exited = code }),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.BindTo(stdout, (*io.Writer)(nil)))
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "trunkline:", err)
		return exitFailed
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if exited >= 0 { // --help was printed
		return exited
	}
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "trunkline: %v\nTry `trunkline --help`.\n", err)
		return exitMisused
	}
	if err := parsed.Run(); err != nil {
		return report(stderr, err)
	}
	return exitOK
}

// report prints an error and picks the exit code.
func report(stderr io.Writer, err error) int {
	var refused *command.Error
	if errors.As(err, &refused) {
		_, _ = fmt.Fprintf(stderr, "trunkline: %s (%s)\n", refused.Message, refused.Code)
		return exitFailed
	}
	if !errors.Is(err, errSilent) {
		_, _ = fmt.Fprintln(stderr, "trunkline:", err)
	}
	return exitFailed
}

// errSilent fails a command that has printed why.
var errSilent = errors.New("failed")
