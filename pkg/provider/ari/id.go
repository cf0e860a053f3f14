package ari

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"strings"
)

// ids makes and reads the ids of our channels and bridges. They carry what
// would otherwise have to be remembered between two events:
//
//	tl<tag>-<call id>-<random>      an outbound leg
//	tm<tag>-<random>-<caller's id>  a media leg
//	tb<tag>-<digest of caller's id> the bridge of a call
//
// The tag is the application's, so that two trunks on one PBX leave each other
// alone. Asterisk refuses an id that another living one begins with, without
// regard to case; the random part keeps ours apart. It is new for each channel,
// as an id must never be used twice.
type ids struct{ leg, media, bridge string } // the prefixes

// maxID is the longest id that Asterisk takes.
const maxID = 149

// randomLen is the length of a random part.
const randomLen = 16

var alphabet = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

func newIDs(app string) ids {
	tag := digest(app)[:6] + "-"
	return ids{leg: "tl" + tag, media: "tm" + tag, bridge: "tb" + tag}
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return alphabet.EncodeToString(sum[:15])
}

func random() string {
	var b [randomLen * 5 / 8]byte
	_, _ = rand.Read(b[:]) // never fails
	return alphabet.EncodeToString(b[:])
}

// newLeg makes the id of an outbound leg.
func (i ids) newLeg(callID string) string { return i.leg + callID + "-" + random() }

// callOf returns the call of an outbound leg.
func (i ids) callOf(channel string) (callID string, ours bool) {
	rest, ok := strings.CutPrefix(channel, i.leg)
	at := len(rest) - randomLen - 1
	if !ok || at < 1 || rest[at] != '-' {
		return "", false
	}
	return rest[:at], true
}

// newMedia makes the id of a media leg. A caller whose id is too long for that
// has none.
func (i ids) newMedia(caller string) (id string, ok bool) {
	id = i.media + random() + "-" + caller
	return id, len(id) <= maxID
}

// callerOf returns the caller's channel of a media leg.
func (i ids) callerOf(channel string) (caller string, ours bool) {
	rest, ok := strings.CutPrefix(channel, i.media)
	if !ok || len(rest) < randomLen+2 || rest[randomLen] != '-' {
		return "", false
	}
	return rest[randomLen+1:], true
}

// bridgeOf is the id of the bridge of a caller's channel.
func (i ids) bridgeOf(caller string) string { return i.bridge + digest(caller) }
