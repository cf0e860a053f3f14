package ari

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

// event is one message of the events socket. Which fields are set follows from
// the type.
type event struct {
	Type        string     `json:"type"`
	Timestamp   string     `json:"timestamp"`
	Application string     `json:"application"`
	Args        []string   `json:"args"`
	Channel     *channel   `json:"channel"`
	Caller      caller     `json:"caller"` // of a dial: the channel that dials
	Peer        *channel   `json:"peer"`
	DialStatus  string     `json:"dialstatus"`
	DialString  string     `json:"dialstring"`
	Digit       string     `json:"digit"`
	DurationMS  int        `json:"duration_ms"`
	Cause       int        `json:"cause"`
	CauseText   string     `json:"cause_txt"`
	TechCause   int        `json:"tech_cause"`
	Destination string     `json:"destination"`
	State       string     `json:"state"`
	Bridge      *bridge    `json:"bridge"`
	Recording   *recording `json:"recording"`
	ReferTo     struct {
		Requested struct {
			Destination string `json:"destination"`
		} `json:"requested_destination"`
	} `json:"refer_to"`
	ReferredBy struct {
		Source *channel `json:"source_channel"`
	} `json:"referred_by"`
}

type channel struct {
	ID         string `json:"id"`
	Name       string `json:"name"` // technology and resource
	State      string `json:"state"`
	ProtocolID string `json:"protocol_id"` // the SIP Call-ID
	Caller     party  `json:"caller"`
	Diverted   string `json:"caller_rdnis"`
	Dialplan   struct {
		Exten   string `json:"exten"`
		AppName string `json:"app_name"`
		AppData string `json:"app_data"`
	} `json:"dialplan"`
	Created   string            `json:"creationtime"`
	Variables map[string]string `json:"channelvars"`
}

type party struct {
	Name   string `json:"name"`
	Number string `json:"number"`
}

// caller is a channel, and in a CallBroadcast the caller's number.
type caller struct{ ID string }

// UnmarshalJSON implements json.Unmarshaler.
func (c *caller) UnmarshalJSON(doc []byte) error {
	if len(doc) == 0 || doc[0] != '{' {
		return nil
	}
	var full channel
	err := json.Unmarshal(doc, &full)
	c.ID = full.ID
	return err
}

type bridge struct {
	ID       string   `json:"id"`
	Channels []string `json:"channels"`
}

type recording struct {
	Name     string `json:"name"`
	State    string `json:"state"`
	Target   string `json:"target_uri"`
	Duration int    `json:"duration"` // s
	Cause    string `json:"cause"`
}

// stampForm is how Asterisk writes a time: no RFC 3339, as the zone has no colon.
const stampForm = "2006-01-02T15:04:05.000-0700"

func stamp(s string) time.Time {
	t, _ := time.Parse(stampForm, s) // zero when there is none
	return t
}

// status is where a live channel stands.
func (c *channel) status() call.Status {
	switch c.State {
	case "Ring", "Ringing":
		return call.Ringing
	case "Up":
		return call.Answered
	}
	return call.Initiated
}

// role says what a channel is to an application.
type role uint8

const (
	roleNone     role = iota
	roleInbound       // a caller who came by the dialplan
	roleOutbound      // a callee whom the application dials
	roleMedia         // audio to a media node
	roleTransfer      // a callee of a transfer
	roleOther         // part of the PBX' own machinery, or of another application
)

// helpers are technologies of channels that nobody speaks on.
var helpers = []string{"WebSocket/", "UnicastRTP/", "AudioSocket/", "Snoop/", "Announcer/", "Recorder/", "CBAnn/"}

// role tells what a channel is from what it was started with: args where the
// event has them, else what the channel's object repeats of them.
func (i ids) role(c *channel, app string, args []string) role {
	if _, ours := i.callOf(c.ID); ours {
		return roleOutbound
	}
	for _, technology := range helpers {
		if strings.HasPrefix(c.Name, technology) {
			return roleMedia
		}
	}
	if strings.HasSuffix(c.ID, ";2") { // the other half of a Local channel
		return roleOther
	}
	if args == nil && c.Dialplan.AppName == "Stasis" {
		name, data, _ := strings.Cut(c.Dialplan.AppData, ",")
		if name != app {
			return roleOther
		}
		args = strings.Split(data, ",")
	}
	switch first(args) {
	case argOutbound:
		return roleOutbound
	case argMedia:
		return roleMedia
	case argTransfer:
		return roleTransfer
	}
	switch {
	case args != nil:
		return roleInbound
	case c.Dialplan.AppName == "AppDial2": // originated
		return roleOutbound
	}
	return roleNone
}

func first(args []string) string { return at(args, 0) }

func at(args []string, i int) string {
	if i < len(args) {
		return args[i]
	}
	return ""
}

// parse reads an event of an application. Every type of event makes a notice;
// what is of no consequence is NoKind.
func (i ids) parse(doc []byte) (*event, provider.Notice, error) {
	var e event
	if err := json.Unmarshal(doc, &e); err != nil {
		return nil, provider.Notice{}, provider.Errorf(provider.KindInvalid, "event cannot be read")
	}
	if e.Type == "" {
		return nil, provider.Notice{}, provider.Errorf(provider.KindInvalid, "event has no type")
	}
	sum := sha256.Sum256(doc)
	n := provider.Notice{Kind: provider.NoKind, EventID: hex.EncodeToString(sum[:16]), Time: stamp(e.Timestamp), RawStatus: e.Type}
	if c := e.about(); c != nil {
		i.subject(&n, &e, c)
	}
	i.kind(&n, &e)
	return &e, n, nil
}

// about is the channel that an event is about, nil for none.
func (e *event) about() *channel {
	switch {
	case e.Channel != nil:
		return e.Channel
	case e.Peer != nil:
		return e.Peer
	}
	return e.ReferredBy.Source
}

// subject fills in whom a notice is about. What is about a media leg is about
// its caller.
func (i ids) subject(n *provider.Notice, e *event, c *channel) {
	n.LegID = c.ID
	if c.ProtocolID != "" {
		n.Detail = map[string]string{"sip_call_id": c.ProtocolID}
	}
	switch i.role(c, cmp.Or(e.Application, defaultApp), e.Args) {
	case roleInbound:
		n.Direction = call.Inbound
	case roleOutbound:
		n.Direction = call.Outbound
		n.CallID, _ = i.callOf(c.ID)
		if n.CallID == "" && first(e.Args) == argOutbound {
			n.CallID = at(e.Args, 1)
		}
	case roleMedia:
		n.StreamID = c.ID
		caller, ours := i.callerOf(c.ID)
		if !ours && first(e.Args) == argMedia {
			caller = at(e.Args, 1)
		}
		n.Foreign = caller == ""
		if !n.Foreign {
			n.LegID, n.ChildLeg = caller, c.ID
			n.CallID, _ = i.callOf(caller)
		}
	case roleTransfer, roleOther:
		n.Foreign = true
	}
}

// kind fills in what a notice says.
func (i ids) kind(n *provider.Notice, e *event) {
	switch e.Type {
	case "StasisStart":
		started(n, e)
	case "ChannelStateChange":
		changed(n, e)
	case "Dial":
		dialled(n, e)
	case "ChannelDestroyed":
		destroyed(n, e)
	case "ChannelDtmfReceived":
		if !n.Foreign && n.StreamID == "" {
			n.Kind, n.Digit = provider.DTMF, strings.ToUpper(e.Digit)
			detail(n, "duration_ms", strconv.Itoa(e.DurationMS))
		}
	case "StasisEnd":
		if n.StreamID != "" {
			n.Kind, n.StreamEvent = provider.StreamStatus, "stopped"
		}
	case "ChannelHold", "ChannelUnhold":
		if !n.Foreign && n.StreamID == "" {
			n.Kind = provider.Hold
		}
	case "ChannelTransfer":
		n.Kind, n.RawStatus = provider.Transfer, e.State
		detail(n, "destination", e.ReferTo.Requested.Destination)
	case "RecordingStarted", "RecordingFinished", "RecordingFailed":
		recorded(n, e)
	case "ApplicationReplaced":
		n.Kind, n.Error = provider.CarrierError, "another connection took the application over"
	case "ApplicationMoveFailed":
		n.Kind, n.Error = provider.CarrierError, "the channel could not be moved to another application"
		detail(n, "destination", e.Destination)
	case "MissingParams":
		n.Kind, n.Error = provider.CarrierError, "a request over the socket lacks parameters"
	default:
		if !silent[e.Type] {
			n.Kind = provider.UnknownKind
		}
	}
}

// silent are the types that are of no consequence here. The cause in a
// ChannelHangupRequest is no cause: after a hang-up of ours it is a flag.
var silent = map[string]bool{
	"ApplicationRegistered": true, "ApplicationUnregistered": true, "RESTResponse": true, "CallBroadcast": true, "CallClaimed": true,
	"BridgeCreated": true, "BridgeDestroyed": true, "BridgeMerged": true, "BridgeVideoSourceChanged": true,
	"BridgeBlindTransfer": true, "BridgeAttendedTransfer": true, "ChannelEnteredBridge": true, "ChannelLeftBridge": true,
	"ChannelCallerId": true, "ChannelConnectedLine": true, "ChannelCreated": true, "ChannelDialplan": true,
	"ChannelHangupRequest": true, "ChannelTalkingStarted": true, "ChannelTalkingFinished": true, "ChannelToneDetected": true,
	"ChannelUserevent": true, "ChannelVarset": true,
	"ContactStatusChange": true, "DeviceStateChanged": true, "EndpointStateChange": true, "PeerStatusChange": true,
	"PlaybackStarted": true, "PlaybackContinuing": true, "PlaybackFinished": true, "TextMessageReceived": true,
}

// started is a channel that entered the application.
func started(n *provider.Notice, e *event) {
	c := e.Channel
	switch {
	case c == nil:
	case n.StreamID != "":
		n.Kind, n.StreamEvent = provider.StreamStatus, "started"
	case n.Foreign:
		n.Kind = provider.DialEvent
		detail(n, "transfer", at(e.Args, 1))
	case n.Direction == call.Outbound && c.State == "Up":
		n.Kind, n.Status = provider.Answer, call.Answered
	case n.Direction == call.Outbound:
		n.Kind, n.Status = provider.CallStatus, call.Initiated
	default:
		n.Kind, n.Status = provider.InboundCall, c.status()
		if n.Status == call.Initiated {
			n.Status = call.Ringing
		}
		n.From, n.CallerName, n.ForwardedFrom = c.Caller.Number, c.Caller.Name, c.Diverted
		switch strings.ToLower(n.From) { // as RFC 3323 and carriers write it
		case "", "anonymous", "restricted", "unavailable", "private", "unknown":
			n.From, n.Anonymous = "", true
		}
		n.To = c.Dialplan.Exten
		if first(e.Args) == argInbound && at(e.Args, 1) != "" {
			n.To = e.Args[1] // what the dialplan says, whatever its extension is by now
		}
		n.Variables = c.Variables
	}
}

// changed is a channel in another state.
func changed(n *provider.Notice, e *event) {
	if e.Channel == nil {
		return
	}
	n.RawStatus = e.Channel.State
	if n.Foreign || n.StreamID != "" {
		return
	}
	switch e.Channel.State {
	case "Ring", "Ringing", "Up":
		n.Kind, n.Status = provider.CallStatus, e.Channel.status()
	}
}

// dialled is the progress of a dial. How it ends is told by ChannelDestroyed
// alone: NOANSWER stands for rejections, too.
func dialled(n *provider.Notice, e *event) {
	n.RawStatus = e.DialStatus
	switch {
	case n.StreamID != "":
		return
	case e.Caller.ID != "": // the dialplan dials for a caller of ours
		n.Kind, n.ChildLeg, n.LegID = provider.DialEvent, n.LegID, e.Caller.ID
		n.Direction, n.Foreign = "", false
		return
	case n.Foreign:
		return
	}
	switch e.DialStatus {
	case "":
		n.Kind, n.Status = provider.CallStatus, call.Initiated
	case "RINGING", "PROGRESS":
		n.Kind, n.Status = provider.CallStatus, call.Ringing
	case "ANSWER":
		n.Kind, n.Status = provider.CallStatus, call.Answered
	}
}

func recorded(n *provider.Notice, e *event) {
	r := e.Recording
	if r == nil {
		return
	}
	n.Kind, n.RecordingID, n.RawStatus, n.Error = provider.Recording, r.Name, r.State, r.Cause
	if channel, ok := strings.CutPrefix(r.Target, "channel:"); ok {
		n.LegID = channel
	}
	if e.Type == "RecordingFinished" {
		n.Seconds = &r.Duration
	}
}

func detail(n *provider.Notice, name, value string) {
	if value == "" {
		return
	}
	if n.Detail == nil {
		n.Detail = map[string]string{}
	}
	n.Detail[name] = value
}

// ReadEvent tells what one message of the events socket of an application
// means.
func ReadEvent(app string, doc []byte) (provider.Notice, error) {
	_, n, err := newIDs(app).parse(doc)
	return n, err
}
