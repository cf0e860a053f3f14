package ari

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/rest"
)

// insecure takes any certificate, where a trunk is configured to.
var insecure = &tls.Config{InsecureSkipVerify: true}

// params are the parameters of a request, in pairs of name and value. A value
// that is "" is left out.
func params(pairs ...string) url.Values {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	return q
}

func (d *driver) get(ctx context.Context, path string, query url.Values, out any) error {
	return d.rest.Do(ctx, rest.Request{Method: http.MethodGet, Path: path, Query: query}, out)
}

func (d *driver) post(ctx context.Context, path string, query url.Values, out any) error {
	return d.rest.Do(ctx, rest.Request{Method: http.MethodPost, Path: path, Query: query}, out)
}

// remove deletes a channel or a bridge. One that is gone is no error.
func (d *driver) remove(ctx context.Context, path string, query url.Values) error {
	err := d.rest.Do(ctx, rest.Request{Method: http.MethodDelete, Path: path, Query: query}, nil)
	if provider.KindOf(err) == provider.KindNotFound {
		return nil
	}
	return err
}

func channelPath(id string) string { return "/channels/" + url.PathEscape(id) }
func bridgePath(id string) string  { return "/bridges/" + url.PathEscape(id) }

// allocation is what Asterisk says of a channel that it could not make. Then it
// has dialled nobody: an endpoint that does not exist, a trunk without contact.
const allocation = "Allocation failed"

// fault reads Asterisk's error document. Its text is in message, that of a
// failed allocation in error.
func fault(status int, body []byte) rest.Fault {
	var doc struct {
		Message string `json:"message"`
		Error   string `json:"error"`
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		return rest.Fault{}
	}
	f := rest.Fault{Text: cmp.Or(doc.Message, doc.Error)}
	switch {
	case status == http.StatusInternalServerError && doc.Error == allocation:
		f.Kind = provider.KindRejected
	case status == http.StatusPreconditionFailed, // the channel is not answered
		status == http.StatusUnprocessableEntity: // it is not in Stasis
		f.Kind = provider.KindConflict
	}
	return f
}

// TestCredentials implements provider.CredentialTester. The user must be there,
// and may write; the version must have what media legs need, loaded.
func (d *driver) TestCredentials(ctx context.Context) error {
	var info struct {
		System struct {
			Version string `json:"version"`
		} `json:"system"`
	}
	if err := d.get(ctx, "/asterisk/info", params("only", "system"), &info); err != nil {
		return err
	}
	version := info.System.Version
	if missing := lacks(version, d.direction != both); missing != "" {
		return provider.Errorf(provider.KindUnsupported, "this is Asterisk %.40q, which lacks %s", version, missing)
	}
	// Hanging up a channel that does not exist is the write that changes
	// nothing: whoever may only read is told so first.
	id, _ := d.ids.newMedia("none")
	if err := d.remove(ctx, channelPath(id), nil); err != nil {
		if provider.KindOf(err) == provider.KindForbidden {
			return provider.Errorf(provider.KindForbidden, "the user may only read: set read_only = no in ari.conf (%s)", text(err))
		}
		return err
	}
	err := d.get(ctx, "/asterisk/modules/chan_websocket.so", nil, nil)
	if provider.KindOf(err) == provider.KindNotFound {
		return provider.Errorf(provider.KindConflict, "this is Asterisk %.40s without chan_websocket: load the module chan_websocket.so", version)
	}
	return err
}

// text is what the carrier said, without what this package made of it.
func text(err error) string {
	var e *provider.Error
	if errors.As(err, &e) && e.Err != nil {
		return e.Err.Error()
	}
	return fmt.Sprint(err)
}

// least are the first versions of each series that have control messages in
// JSON and transport_data; oneWay those that know a direction.
var (
	least  = map[int]int{20: 18, 22: 8, 23: 2}
	oneWay = map[int]int{20: 19, 22: 9, 23: 3}
)

// newest is the last series of those that did not begin with them.
const newest = 23

// lacks says what a version does not have, "" when nothing is missing or the
// version is none that can be read (a build of one's own).
func lacks(version string, direction bool) string {
	major, minor, ok := parseVersion(version)
	if !ok || major > newest {
		return ""
	}
	if first, series := least[major]; !series || minor < first {
		return "media sockets with JSON messages: use 20.18, 22.8, 23.2 or later"
	}
	if direction && minor < oneWay[major] {
		return "one-way media sockets: use 20.19, 22.9, 23.3 or later"
	}
	return ""
}

// parseVersion reads 22.10.1, 20.18.0-rc1 or certified/20.7-cert3.
func parseVersion(version string) (major, minor int, ok bool) {
	version = version[strings.LastIndexByte(version, '/')+1:]
	first, rest, _ := strings.Cut(version, ".")
	second, _, _ := strings.Cut(rest, ".")
	second, _, _ = strings.Cut(second, "-")
	major, err := strconv.Atoi(first)
	if err != nil {
		return 0, 0, false
	}
	minor, err = strconv.Atoi(second)
	return major, minor, err == nil
}
