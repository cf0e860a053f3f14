package ari

import (
	"net/url"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/provider"
)

// streamParts are the names under which the last parts of a media URL's path
// travel where Asterisk dials the media node: it keeps no path of ours, only
// parameters. The node reads them at <base>/v1/media?org=...
var streamParts = []string{"org", "trunk", "call", "stream", "token"}

// streamParameters are the parameters for v() that stand for a media URL. They
// are always given: Asterisk would send those of the call before again, and now
// and then it sends those of a neighbour. So they are a hint only; MEDIA_START
// says whose leg the socket is of.
func streamParameters(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", provider.Errorf(provider.KindInvalid, "the media URL cannot be read")
	}
	path := strings.Split(strings.Trim(u.Path, "/"), "/")
	if len(path) < len(streamParts) {
		return "", provider.Errorf(provider.KindInvalid, "the media URL is none of Trunkline's: it names no stream")
	}
	pairs := make([]string, len(streamParts))
	for i, value := range path[len(path)-len(streamParts):] {
		pairs[i] = streamParts[i] + "=" + url.QueryEscape(value)
	}
	return strings.Join(pairs, ","), nil
}
