package webhook

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// Public knows the base of the URLs by which carriers reach this service.
// Carriers sign the URL as they were told it, so it must not be guessed.
type Public struct {
	base    string
	trusted []netip.Prefix
}

// NewPublic takes the configured base URL. Where that is empty, requests of
// the trusted proxies (CIDR networks or addresses) tell it.
func NewPublic(base string, trusted []string) (*Public, error) {
	p := &Public{base: strings.TrimSuffix(base, "/")}
	for _, text := range trusted {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			addr, err := netip.ParseAddr(text)
			if err != nil {
				return nil, fmt.Errorf("trusted proxy %q: want a network such as 10.0.0.0/8, or an address", text)
			}
			prefix = netip.PrefixFrom(addr, addr.BitLen())
		}
		p.trusted = append(p.trusted, prefix.Masked())
	}
	if p.base == "" && len(p.trusted) == 0 {
		return nil, errors.New("set TRUNKLINE_PUBLIC_URL to where carriers reach this service, or TRUNKLINE_INGRESS_TRUSTED_PROXIES to the proxies that tell it")
	}
	return p, nil
}

var errNotTrusted = errors.New("the public URL is not configured, and the peer is no trusted proxy")

// of returns the base of the URL that a request was sent to, without a slash
// at its end.
func (p *Public) of(c *fiber.Ctx) (string, error) {
	if p.base != "" {
		return p.base, nil
	}
	if !p.trusts(c.Context().RemoteAddr()) {
		return "", errNotTrusted
	}
	proto, host := last(c.Get("X-Forwarded-Proto")), last(c.Get("X-Forwarded-Host"))
	if proto == "" {
		proto = "http"
	}
	if host == "" {
		host = c.Get("Host")
	}
	return proto + "://" + host, nil
}

func (p *Public) trusts(peer net.Addr) bool {
	tcp, ok := peer.(*net.TCPAddr)
	if !ok {
		return false
	}
	addr := tcp.AddrPort().Addr().Unmap().WithZone("")
	for _, prefix := range p.trusted {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

// last returns the last entry of a list: what the nearest proxy wrote. Those
// before it may come from outside.
func last(list string) string { return strings.TrimSpace(list[strings.LastIndexByte(list, ',')+1:]) }
