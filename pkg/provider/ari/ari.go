// Package ari is the provider for Asterisk, the PBX, through its REST
// interface (ARI).
//
// Asterisk calls nobody back. One node of a trunk holds its events socket
// (listen.go); anybody steers calls by REST. A call is the caller's channel and
// a media channel in one bridge; the media channel's socket (chan_websocket) is
// dialled by a media node. Nothing has to be remembered between events: the ids
// of our channels and bridges say whose they are (id.go).
//
// Sources: https://docs.asterisk.org/Asterisk_22_Documentation/API_Documentation/
// and the sources of Asterisk 22.10.1.
package ari

import (
	"cmp"
	"net/http"
	"strings"
	"time"

	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/rest"
)

// Names of the fields of a configuration.
const (
	fieldURL         = "ari_url"
	fieldUsername    = "username"
	fieldPassword    = "password"
	fieldApp         = "app"
	fieldVerify      = "tls_verify"
	fieldMediaURL    = "media_url"
	fieldExtensions  = "inbound_extensions"
	fieldDial        = "dial_string"
	fieldFromNumbers = "from_numbers"
	fieldFormat      = "media_format"
	fieldDirection   = "media_direction"
	fieldMediaMode   = "media_mode"
	fieldClient      = "ws_client_name"
	fieldVersion     = "asterisk_version"
	fieldModule      = "chan_websocket"
)

// Directions of the media, as seen from Trunkline.
const (
	both    = "both"
	onlyIn  = "in"
	onlyOut = "out"
)

// Who dials the media sockets.
const (
	modeServer = "websocket-server" // a media node dials Asterisk
	modeClient = "websocket-client" // Asterisk dials a media node
)

const (
	defaultApp    = "trunkline"
	autoFormat    = "auto"
	defaultFormat = "ulaw"
	defaultDial   = "PJSIP/{number}"
	addressForm   = `://[^/?#@\s]+(/[^?#@\s]*)?$`
)

var spec = provider.Spec{
	Name:         "ari",
	DisplayName:  "Asterisk (ARI)",
	DocsURL:      "https://docs.asterisk.org/Configuration/Interfaces/Asterisk-REST-Interface-ARI/",
	Connectivity: provider.SIP,
	Can: []provider.Ability{
		provider.CanListen, provider.CanAnswer, provider.CanReadStatus, provider.CanSendDTMF,
		provider.CanReconcile, provider.CanProvision, provider.CanTestLogin, provider.CanStream,
	},
	// At Asterisk 20.20.1, 22.8.2 and 22.10.1, over SIP legs.
	Live: []provider.Ability{
		"", provider.CanListen, provider.CanAnswer, provider.CanSendDTMF, provider.CanProvision, provider.CanTestLogin, provider.CanStream,
	},
	Format:  formats[defaultFormat],
	Formats: []media.Format{formats["ulaw"], formats["alaw"], formats["slin"], formats["slin16"]},
	// The same digit comes as an event and on the media socket.
	DigitsFrom: provider.DigitsFromWebhook,
	Sparse:     true,
	Steps:      []string{"stream", "reject", "hangup"},
	Open:       func(c provider.Config) (provider.Driver, error) { return open(c), nil },
	NewCodec:   newCodec,
	Checklist:  checklist,
	Fields: []provider.FieldSpec{
		{
			Name: fieldURL, Label: "Address of the PBX", Type: provider.Text, Required: true,
			Pattern: `^https?` + addressForm, Placeholder: "https://pbx.example.com:8089",
			Description: "Of Asterisk's HTTP server (http.conf), without /ari.",
		},
		{
			Name: fieldUsername, Label: "ARI user", Type: provider.Text, Required: true,
			Pattern: `^[^\s:]+$`, Placeholder: "trunkline",
			Description: "A user in ari.conf of Trunkline's own, with read_only = no.",
		},
		{
			Name: fieldPassword, Label: "Password", Type: provider.Password, Required: true, Secret: true,
			Description: "Of that user.",
		},
		{
			Name: fieldApp, Label: "Stasis application", Type: provider.Text, Default: defaultApp,
			Pattern: `^[A-Za-z0-9_.-]{1,73}$`, Placeholder: defaultApp,
			Description: "The dialplan hands calls to it: Stasis(trunkline,inbound,${EXTEN}). Every trunk needs a name of its own: an application has one listener.",
		},
		{
			Name: fieldVerify, Label: "Verify the certificate", Type: provider.Boolean, Default: true,
			Description: "Switch it off only for a certificate of the PBX' own making in a network that you trust.",
		},
		{
			Name: fieldMediaURL, Label: "Address for audio", Type: provider.Text,
			Pattern: `^wss?` + addressForm, Placeholder: "wss://pbx.example.com:8089",
			Description: "Where media nodes reach the PBX, without /media. Leave it empty where it is the same as above.",
		},
		{
			Name: fieldMediaMode, Label: "Who connects for audio", Type: provider.Select, Default: modeServer,
			Options: []provider.Option{
				{Value: modeServer, Label: "Trunkline to the PBX"}, {Value: modeClient, Label: "the PBX to Trunkline"},
			},
			Description: "Trunkline connects to the PBX unless a firewall wants it the other way round.",
		},
		{
			Name: fieldClient, Label: "Section of websocket_client.conf", Type: provider.Text,
			Pattern: `^[A-Za-z0-9_-]{1,64}$`, Placeholder: "trunkline_media", VisibleWhen: &provider.VisibleWhen{Field: fieldMediaMode, Value: modeClient},
			Description: "That has the address of Trunkline's media nodes.",
		},
		{
			Name: fieldExtensions, Label: "Inbound extensions", Type: provider.Strings,
			Pattern: `^\S+$`, Placeholder: "8000",
			Description: "The numbers or extensions that callers reach here. Calls to others are turned away; leave it empty to take all.",
		},
		{
			Name: fieldDial, Label: "Dial string", Type: provider.Text, Default: defaultDial,
			Pattern: `^[A-Za-z0-9]+/[^\s&,]*\{(number|digits)\}[^\s&,]*$`, Placeholder: "PJSIP/{number}@carrier",
			Description: "How a number becomes an endpoint. {number} is the number as it was dialled, {digits} is it without the plus. As it is by default, a number is an endpoint of the PBX; PJSIP/{number}@carrier calls it over a trunk of the PBX.",
		},
		{
			Name: fieldFromNumbers, Label: "Caller ids", Type: provider.Strings,
			Pattern: `^\+?[0-9*#]+$`, Placeholder: "+14155550101",
			Description: "Numbers that calls may show; the first is for those that name none.",
		},
		{
			Name: fieldFormat, Label: "Audio", Type: provider.Select, Default: autoFormat,
			Options: []provider.Option{
				{Value: autoFormat, Label: "as the application works, else mu-law"},
				{Value: "ulaw", Label: "mu-law, 8 kHz"}, {Value: "alaw", Label: "A-law, 8 kHz"},
				{Value: "slin", Label: "16-bit linear, 8 kHz"}, {Value: "slin16", Label: "16-bit linear, 16 kHz"},
			},
			Description: "Between the PBX and Trunkline. Name one to save bandwidth, 16 kHz take four times that of 8, or to have the PBX convert nothing.",
		},
		{
			Name: fieldDirection, Label: "Direction of the audio", Type: provider.Select, Default: both,
			Options: []provider.Option{
				{Value: both, Label: "both ways"},
				{Value: onlyIn, Label: "listen only"},
				{Value: onlyOut, Label: "speak only"},
			},
			Description: "One way needs Asterisk 20.19, 22.9 or 23.3.",
		},
		{
			Name: fieldVersion, Label: "Version of Asterisk", Type: provider.ReadOnly,
			Description: "Filled in when the trunk is provisioned.",
		},
		{
			Name: fieldModule, Label: "Media sockets (chan_websocket)", Type: provider.ReadOnly,
			Description: "Filled in when the trunk is provisioned: loaded, not running or absent.",
		},
	},
}

func init() { provider.Register(&spec) }

// Asterisk closes a connection that was idle for 15 s.
const idle = 10 * time.Second

var (
	verified   = rest.NewHTTP(idle, nil)
	unverified = rest.NewHTTP(idle, insecure)
)

// driver drives one PBX. It is safe for concurrent use.
type driver struct {
	app        string
	ids        ids
	rest       *rest.Client
	base       string // of the HTTP server, without a slash at the end
	media      string // of the media sockets, ws or wss, without a slash at the end
	verify     bool
	extensions []string
	country    string // by which called numbers are read
	dialString string
	from       []string // caller ids; the first is for calls that name none
	client     string   // section of websocket_client.conf; "" where media nodes dial
	format     string   // Asterisk's name, or autoFormat
	direction  string
	times      times
}

var (
	_ provider.Driver           = (*driver)(nil)
	_ provider.EventListener    = (*driver)(nil)
	_ provider.Answerer         = (*driver)(nil)
	_ provider.StatusReader     = (*driver)(nil)
	_ provider.DTMFSender       = (*driver)(nil)
	_ provider.Reconciler       = (*driver)(nil)
	_ provider.Provisioner      = (*driver)(nil)
	_ provider.CredentialTester = (*driver)(nil)
)

func open(c provider.Config) *driver {
	base := strings.TrimSuffix(strings.TrimRight(cmp.Or(c.APIURL, c.String(fieldURL)), "/"), "/ari") // written with it, too
	app := cmp.Or(c.String(fieldApp), defaultApp)
	d := &driver{
		app: app, ids: newIDs(app), base: base, verify: verifies(c),
		media:      strings.TrimSuffix(strings.TrimRight(cmp.Or(c.String(fieldMediaURL), socketURL(base)), "/"), "/media"),
		extensions: c.Strings(fieldExtensions),
		country:    c.Country,
		dialString: cmp.Or(c.String(fieldDial), defaultDial),
		from:       c.Strings(fieldFromNumbers),
		format:     cmp.Or(c.String(fieldFormat), autoFormat),
		direction:  cmp.Or(c.String(fieldDirection), both),
		times:      usual,
	}
	if c.String(fieldMediaMode) == modeClient {
		d.client = c.String(fieldClient)
	}
	d.rest = &rest.Client{
		Base: base + "/ari", Fault: fault, HTTP: d.http(),
		Auth:    rest.Basic(c.String(fieldUsername), c.String(fieldPassword)),
		Secrets: []string{c.String(fieldPassword)},
	}
	return d
}

// verifies reports whether certificates are verified; they are unless that is
// switched off.
func verifies(c provider.Config) bool {
	verify, set := c.Values[fieldVerify].(bool)
	return verify || !set
}

func (d *driver) http() *http.Client {
	if d.verify {
		return verified
	}
	return unverified
}

// socketURL is an address of the HTTP server for WebSockets.
func socketURL(url string) string { return "ws" + strings.TrimPrefix(url, "http") }
