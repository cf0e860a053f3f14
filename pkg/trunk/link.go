package trunk

import (
	"strconv"
	"strings"
	"time"

	"github.com/trunkline-io/trunkline/pkg/provider"
)

// noCall stands in a path where a URL names no call.
const noCall = "-"

// Links mints and verifies the URLs that carriers are told. They carry no
// query: carriers drop it. What protects them is in the path.
type Links struct {
	Keys *Keys `env:"-"`
	// Hooks is the public base URL of ingress, Media the one of the media
	// nodes, as carriers reach them.
	Hooks string `env:"PUBLIC_URL" help:"where carriers reach ingress: https://host[/prefix]"`
	Media string `env:"PUBLIC_MEDIA_URL" help:"where carriers reach the media nodes: wss://host[/prefix]"`
}

// HookPath names what a callback URL is for.
type HookPath struct {
	Provider, Org, Trunk string
	Hook                 provider.Hook
	Call                 string // "" for none
}

// Hook mints the URL of a hook:
// <base>/v1/<provider>/<org>/<trunk>/<hook>/<call or ->/<MAC>.
func (l Links) Hook(p HookPath) string {
	callID := p.Call
	if callID == "" {
		callID = noCall
	}
	mac := l.Keys.sign("hook", p.Provider, p.Org, p.Trunk, string(p.Hook), callID)
	return strings.TrimSuffix(l.Hooks, "/") + "/v1/" + p.Provider + "/" + p.Org + "/" + p.Trunk + "/" + string(p.Hook) + "/" + callID + "/" + mac
}

// VerifyHook reports whether Hook minted the MAC, and takes the call of a path
// that names none out of p.
func (l Links) VerifyHook(p *HookPath, mac string) bool {
	ok := l.Keys.verify(mac, "hook", p.Provider, p.Org, p.Trunk, string(p.Hook), p.Call)
	if p.Call == noCall {
		p.Call = ""
	}
	return ok
}

// StreamPath names what a media URL is for.
type StreamPath struct{ Org, Trunk, Call, Stream string }

// Stream mints the URL of a media stream. The same arguments give the same
// URL, so a repeated webhook is answered the same:
// <base>/v1/media/<org>/<trunk>/<call>/<stream>/<expiry>.<MAC>.
func (l Links) Stream(p StreamPath, expires time.Time) string {
	at := strconv.FormatInt(expires.Unix(), 36)
	mac := l.Keys.sign("stream", p.Org, p.Trunk, p.Call, p.Stream, at)
	return l.Streams() + "/" + p.Org + "/" + p.Trunk + "/" + p.Call + "/" + p.Stream + "/" + at + "." + mac
}

// Streams is what the URL of every media stream begins with: <base>/v1/media.
func (l Links) Streams() string { return strings.TrimSuffix(l.Media, "/") + "/v1/media" }

// VerifyStream reports whether Stream minted the token and it is still good.
func (l Links) VerifyStream(p StreamPath, token string, now time.Time) bool {
	at, mac, ok := strings.Cut(token, ".")
	expires, err := strconv.ParseInt(at, 36, 64)
	return ok && err == nil && l.Keys.verify(mac, "stream", p.Org, p.Trunk, p.Call, p.Stream, at) && now.Unix() <= expires
}
