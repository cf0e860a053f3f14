package ari

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/provider"
)

// States of chan_websocket.so, the module that media sockets are of.
const (
	moduleLoaded = "loaded"
	moduleIdle   = "not running"
	moduleAbsent = "absent"
)

// system is what a PBX is.
type system struct{ version, module string }

// look asks the PBX what it is, as a user that may write: one that may not, or
// that does not exist, is an error.
func (d *driver) look(ctx context.Context) (system, error) {
	var info struct {
		System struct {
			Version string `json:"version"`
		} `json:"system"`
	}
	err := d.get(ctx, "/asterisk/info", params("only", "system"), &info)
	var unproven *tls.CertificateVerificationError
	switch {
	case provider.KindOf(err) == provider.KindNotFound:
		return system{}, provider.Errorf(provider.KindNotFound, "there is no ARI at the address: it is that of Asterisk's HTTP server (http.conf), and ari.conf says enabled = yes")
	case errors.As(err, &unproven):
		return system{}, provider.Errorf(provider.KindInvalid, "the certificate of the PBX does not prove that it is the one (%s): give it one that this machine trusts or, in a network that you trust, set tls_verify=false", unproven.Err)
	case err != nil:
		return system{}, err
	}
	// Hanging up a channel that does not exist is the write that changes
	// nothing: whoever may only read is told so first.
	id, _ := d.ids.newMedia("none")
	if err := d.remove(ctx, channelPath(id), nil); err != nil {
		if provider.KindOf(err) == provider.KindForbidden {
			return system{}, provider.Errorf(provider.KindForbidden, "the user may only read: set read_only = no in ari.conf (%s)", text(err))
		}
		return system{}, err
	}
	module, err := d.module(ctx)
	return system{version: info.System.Version, module: module}, err
}

// module tells the state of chan_websocket.so.
func (d *driver) module(ctx context.Context) (string, error) {
	var module struct {
		Status string `json:"status"`
	}
	err := d.get(ctx, "/asterisk/modules/chan_websocket.so", nil, &module)
	switch {
	case provider.KindOf(err) == provider.KindNotFound:
		return moduleAbsent, nil
	case err != nil:
		return "", err
	case strings.HasPrefix(module.Status, "Not "):
		return moduleIdle, nil
	}
	return moduleLoaded, nil
}

// unfit is why no audio can go over a PBX, nil where it can.
func (s system) unfit(oneWay bool) error {
	if missing := lacks(s.version, oneWay); missing != "" {
		return provider.Errorf(provider.KindUnsupported, "this is Asterisk %.40s, which lacks %s", s.version, missing)
	}
	switch s.module {
	case moduleAbsent:
		return provider.Errorf(provider.KindConflict, "this is Asterisk %.40s without chan_websocket: load the module chan_websocket.so", s.version)
	case moduleIdle:
		return provider.Errorf(provider.KindConflict, "this is Asterisk %.40s with a chan_websocket that does not run: see what its log says of chan_websocket.so", s.version)
	}
	return nil
}

// TestCredentials implements provider.CredentialTester. The user must be there,
// and may write; the version must have what media legs need, loaded.
func (d *driver) TestCredentials(ctx context.Context) error {
	s, err := d.look(ctx)
	if err != nil {
		return err
	}
	return s.unfit(d.direction != both)
}

// Provision implements provider.Provisioner. It makes nothing: it finds out
// what the PBX is, from which the checklist tells what works. A PBX that is not
// fit is no error, so that the checklist can say so.
func (d *driver) Provision(ctx context.Context, _ string, _ provider.Inbound) (map[string]string, error) {
	s, err := d.look(ctx)
	if err != nil {
		return nil, err
	}
	return map[string]string{fieldVersion: s.version, fieldModule: s.module}, nil
}

func checklist(c provider.Config) []provider.Check {
	app := cmp.Or(c.String(fieldApp), defaultApp)
	var todo []provider.Check
	blocking := func(text string) { todo = append(todo, provider.Check{Text: text, Blocking: true}) }
	advice := func(text string) { todo = append(todo, provider.Check{Text: text}) }

	if c.String(fieldURL) == "" || c.String(fieldUsername) == "" || c.String(fieldPassword) == "" {
		blocking("Make a user in ari.conf, and fill in the address of the PBX, the user and the password.")
	}
	if c.String(fieldMediaMode) == modeClient && c.String(fieldClient) == "" {
		blocking("Make a section in websocket_client.conf, by which the PBX connects to Trunkline, and fill in its name.")
	}
	s := system{c.String(fieldVersion), c.String(fieldModule)}
	switch err := s.unfit(c.String(fieldDirection) == onlyIn || c.String(fieldDirection) == onlyOut); {
	case s == system{}:
		advice("Have the PBX looked at, which nobody has done yet: `trunkline trunk provision`. Audio needs Asterisk " + leastReleases + " with chan_websocket; best are " + bestReleases + ".")
	case err != nil:
		blocking("Make the PBX fit: " + text(err) + ". Then have it looked at again: `trunkline trunk provision`.")
	case better(s.version) != "":
		advice("Upgrade Asterisk " + s.version + " to " + better(s.version) + " or later when you can. It works, but a harmless-looking request crashes it; Trunkline sends none of that kind.")
	}
	advice("Let the dialplan hand calls over: Stasis(" + app + ",inbound,${EXTEN}), and go on to Congestion() when ${STASISSTATUS} is FAILED. `trunkline trunk show` with --asterisk-config prints it.")
	if c.String(fieldDial) == "" {
		advice("Fill in the dial string to call phone numbers over a trunk of the PBX, such as PJSIP/{number}@carrier. Without it a number is an endpoint of the PBX: 100 is PJSIP/100.")
	}
	if strings.HasPrefix(c.String(fieldURL), "http:") {
		advice("Use https unless the network to the PBX is private: the password gives full control of it.")
	}
	return todo
}
