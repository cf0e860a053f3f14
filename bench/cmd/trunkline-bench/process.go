package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Cores: what is measured runs on one, everything else on the other.
const (
	coreMeasured = 0
	coreRest     = 1
)

// pin binds a process to a core, where the machine has two.
func pin(pid, core int) {
	var set unix.CPUSet
	set.Set(core)
	_ = unix.SchedSetaffinity(pid, &set) // without it figures are only noisier
}

// process is a part of the bench in a process of its own.
type process struct {
	cmd     *exec.Cmd
	Address string // the first line it printed
}

// start runs this program as one of its roles, or another program, on a core,
// and waits for the line that tells its address.
func start(core int, env []string, name string, args ...string) (*process, error) {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	pin(cmd.Process.Pid, core)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s %s told no address", name, strings.Join(args, " ")), cmd.Wait())
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	return &process{cmd, strings.TrimSpace(line)}, nil
}

// role starts this program again as one of its roles.
func role(core int, name string, env ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return start(core, append(env, "GOMAXPROCS=1"), self, "--role", name)
}

// stop ends the process.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(10*time.Second, func() { _ = p.cmd.Process.Kill() })
	_ = p.cmd.Wait()
	kill.Stop()
}

// cpu is the CPU time the process has used, all its threads together.
func (p *process) cpu() time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// mallocs is how many objects a Go service has allocated, by its /metrics.
func (p *process) mallocs() float64 {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://"+p.Address+"/metrics", nil)
	if err != nil {
		return 0
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	defer func() { _ = resp.Body.Close() }()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), "go_memstats_mallocs_total "); ok {
			n, _ := strconv.ParseFloat(value, 64)
			return n
		}
	}
	return 0
}
