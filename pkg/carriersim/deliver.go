package carriersim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// maxReply is the size up to which a reply is read.
const maxReply = 1 << 20

// post delivers a letter and its copies.
func (x *Exchange) post(ctx context.Context, l letter) (*Reply, error) {
	if l.fault.Drop {
		l.hook.note("dropped")
		return nil, ErrConnect
	}
	if err := Sleep(ctx, l.fault.Delay); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConnect, err)
	}
	for i := range l.fault.Copies {
		extra := delivery{x: x, letter: l}
		if bases := l.fault.Bases; len(bases) > 0 {
			extra.base = bases[i%len(bases)]
		}
		x.Go(func(ctx context.Context) { extra.run(ctx) })
	}
	first := delivery{x: x, letter: l}
	return first.run(ctx)
}

// delivery is one copy of a letter on its way.
type delivery struct {
	letter
	x         *Exchange
	base      string // server to send it to instead
	retry     int    // 0 at first
	authorize bool   // the gateway has asked for it
}

// run tries as often as the policy says.
func (d *delivery) run(ctx context.Context) (*Reply, error) {
	p := d.hook.Policy
	if p.Total > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, p.Total)
		defer stop()
	}
	for ; ; d.retry++ {
		reply, err := d.try(ctx)
		if err == nil && reply.Status == http.StatusUnauthorized && d.hook.User != nil {
			d.authorize = true
			reply, err = d.try(ctx)
		}
		status := 0
		if err != nil {
			d.hook.note(err.Error())
		} else {
			status = reply.Status
			d.hook.note(strconv.Itoa(status))
		}
		if d.retry >= p.Retries || p.Retry == nil || !p.Retry(status, err) || ctx.Err() != nil {
			return reply, err
		}
		if p.Backoff != nil && Sleep(ctx, p.Backoff(d.retry+1)) != nil {
			return reply, err
		}
	}
}

// try makes one request.
func (d *delivery) try(ctx context.Context) (*Reply, error) {
	p := d.hook.Policy
	ctx, stop := context.WithCancel(context.WithValue(ctx, connectLimit{}, p.Connect))
	defer stop()
	var written atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) {
		written.Store(true)
		if d.fault.CutReply {
			stop()
		} else if p.Read > 0 {
			late := time.AfterFunc(p.Read, stop)
			context.AfterFunc(ctx, func() { late.Stop() })
		}
	}})
	req, err := d.request(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConnect, err)
	}
	resp, err := d.x.client.Do(req)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) && op.Op == "dial" || !written.Load() && ctx.Err() == nil {
			return nil, fmt.Errorf("%w: %w", ErrConnect, err)
		}
		return nil, fmt.Errorf("%w: %w", ErrNoReply, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxReply))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoReply, err)
	}
	return &Reply{resp.StatusCode, resp.Header, body}, nil
}

func (d *delivery) request(ctx context.Context) (*http.Request, error) {
	header := http.Header{}
	if d.hook.Header != nil {
		header = d.hook.Header.Clone()
	}
	told, body := d.hook.URL, d.hook.Body
	if d.hook.Compose != nil {
		told, body = d.hook.Compose(d.retry+1, header)
	}
	target, _, _ := strings.Cut(told, "#")
	target, host := d.x.actual(target)
	if d.base != "" {
		var err error
		if target, host, err = rebase(target, host, d.base); err != nil {
			return nil, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, d.hook.Method, target, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header = header
	if host != "" {
		req.Host = host
	}
	if d.authorize {
		password, _ := d.hook.User.Password()
		req.SetBasicAuth(d.hook.User.Username(), password)
	}
	if d.hook.Sign != nil {
		d.hook.Sign(req.Header)
	}
	for _, name := range d.hook.SignedBy {
		switch {
		case d.fault.Unsigned && d.retry == 0:
			req.Header.Del(name)
		case d.fault.Corrupt:
			req.Header.Set(name, corrupt(req.Header.Get(name)))
		}
	}
	return req, nil
}

// rebase puts a URL on another server, which is told the host that it replaces.
func rebase(target, host, base string) (string, string, error) {
	from, err := url.Parse(target)
	if err != nil {
		return "", "", err
	}
	to, err := url.Parse(base)
	if err != nil {
		return "", "", err
	}
	if host == "" {
		host = from.Host
	}
	from.Scheme, from.Host = to.Scheme, to.Host
	return from.String(), host, nil
}

// corrupt changes one character in the middle, where each bit of base64 counts.
func corrupt(signature string) string {
	b := []byte(signature)
	for i := len(b) / 2; i < len(b); i++ {
		switch c := b[i]; {
		case c >= '0' && c <= '9':
			b[i] = '0' + (c-'0'+1)%10
		case c >= 'a' && c <= 'f':
			b[i] = 'a' + (c-'a'+1)%6 // hexadecimal stays hexadecimal
		case c >= 'g' && c <= 'z':
			b[i] = 'g' + (c-'g'+1)%20
		case c >= 'A' && c <= 'Z':
			b[i] = 'A' + (c-'A'+1)%26
		default:
			continue
		}
		return string(b)
	}
	return signature + "0"
}

// Sleep waits, or returns why it could not.
func Sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
