// Package call holds the words every other package uses to talk about a
// call: its ids, its status and how that may move, why it ended, and the
// instructions a carrier can be given for it.
package call

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strings"

	"github.com/oklog/ulid/v2"
)

// DefaultOrg is the tenant of an installation that has only one.
const DefaultOrg = "default"

// MaxID is the longest id that Trunkline accepts as its own.
const MaxID = 64

// NewID returns a fresh call id: a ULID, so ids sort by the time they were made.
func NewID() string { return ulid.Make().String() }

// InboundID computes the id of an inbound call from what its carrier calls
// the leg. A repeated webhook therefore names the same call on any node.
func InboundID(org, trunk, legID string) string {
	sum := sha256.Sum256([]byte(org + "\x00" + trunk + "\x00" + legID))
	return "in" + strings.ToLower(base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:15]))
}

// ValidID reports whether id may stand as one token of a subject, a URL
// path and a KV key: 1 to MaxID characters of [0-9A-Za-z_-]. A lone "-" is
// none: in a URL's path it stands for no call.
func ValidID(id string) bool {
	if id == "" || id == "-" || len(id) > MaxID {
		return false
	}
	for i := range len(id) {
		c := id[i]
		switch {
		case c >= '0' && c <= '9', c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}

// CheckID returns an error that names the field when id is not a valid id.
func CheckID(field, id string) error {
	if ValidID(id) {
		return nil
	}
	return fmt.Errorf("%s %q: want 1 to %d characters of 0-9 A-Z a-z _ -", field, id, MaxID)
}

// Direction of a call, as seen from the trunk.
type Direction string

// The two directions.
const (
	Inbound  Direction = "inbound"
	Outbound Direction = "outbound"
)
