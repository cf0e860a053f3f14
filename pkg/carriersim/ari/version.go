package ari

import (
	"fmt"
)

// version is a release of Asterisk: 22.10.1.
type version struct{ major, minor, patch int }

func parseVersion(text string) (v version, err error) {
	if _, err := fmt.Sscanf(text, "%d.%d.%d", &v.major, &v.minor, &v.patch); err != nil && v.minor == 0 {
		return v, fmt.Errorf("ari: version %q: %w", text, err)
	}
	return v, nil
}

// feature is the minor release of each major one in which something came.
type feature map[int]int

// What depends on the version. A major release that is missing never got it.
var (
	hasWebSocket = feature{20: 16, 21: 11, 22: 6, 23: 0}
	hasTechCause = feature{20: 17, 22: 7, 23: 1}
	// hasJSON stands for transport_data, JSON messages, marks and channel_id.
	hasJSON      = feature{20: 18, 22: 8, 23: 2}
	hasDirection = feature{20: 19, 22: 9, 23: 3}
	hasCrashFix  = feature{20: 21, 22: 11, 23: 5}
)

func (v version) has(f feature) bool {
	if v.major > 23 {
		return true
	}
	minor, ok := f[v.major]
	return ok && v.minor >= minor
}
