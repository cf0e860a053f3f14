// Package load makes load on loopback: HTTP requests as fast as they are
// answered, and media streams at the pace of speech.
package load

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Result of a closed-loop HTTP run.
type Result struct {
	Requests int
	Rate     float64 // a second
	P50, P99 time.Duration
}

// HTTP sends requests over a number of kept-alive connections until the time
// is up; each connection waits for its answer. next gives the bytes of one
// whole request. Any answer but 2xx ends the run with an error.
func HTTP(addr string, connections int, warmUp, measured time.Duration, next func() []byte, begin, end func()) (Result, error) {
	start := time.Now()
	var mu sync.Mutex
	var all []time.Duration
	var failed error
	var wg sync.WaitGroup
	time.AfterFunc(warmUp, begin)
	stop := start.Add(warmUp + measured)
	for range connections {
		wg.Go(func() {
			took, err := drive(addr, start.Add(warmUp), stop, next)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, took...)
			failed = errors.Join(failed, err)
		})
	}
	wg.Wait()
	end()
	if failed != nil {
		return Result{}, failed
	}
	slices.Sort(all)
	if len(all) == 0 {
		return Result{}, errors.New("no request was answered")
	}
	return Result{Requests: len(all), Rate: float64(len(all)) / measured.Seconds(),
		P50: all[len(all)/2], P99: all[len(all)*99/100]}, nil
}

// drive runs one connection.
func drive(addr string, from, until time.Time, next func() []byte) (took []time.Duration, err error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	answers := bufio.NewReaderSize(conn, 4<<10)
	for {
		sent := time.Now()
		if sent.After(until) {
			return took, nil
		}
		if _, err := conn.Write(next()); err != nil {
			return took, err
		}
		if err := readAnswer(answers); err != nil {
			return took, err
		}
		if sent.After(from) {
			took = append(took, time.Since(sent))
		}
	}
}

// readAnswer reads one answer and checks its status.
func readAnswer(r *bufio.Reader) error {
	status, err := r.ReadSlice('\n')
	if err != nil {
		return err
	}
	failed := len(status) < 12 || status[9] != '2'
	first := strings.TrimSpace(string(status))
	length := 0
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) <= 2 {
			break
		}
		if name, value, ok := strings.Cut(string(line), ":"); ok && strings.EqualFold(name, "Content-Length") {
			if length, err = strconv.Atoi(strings.TrimSpace(value)); err != nil {
				return err
			}
		}
	}
	if _, err := io.CopyN(io.Discard, r, int64(length)); err != nil {
		return err
	}
	if failed {
		return fmt.Errorf("answered %s", first)
	}
	return nil
}
