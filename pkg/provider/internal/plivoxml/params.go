package plivoxml

import (
	"maps"
	"slices"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

// maxParams is the longest text of parameters, in bytes.
const maxParams = 512

// pairs writes parameters as name=value,name=value. Nothing is known of how
// other characters than those of an id would have to be written.
func pairs(params map[string]string) (string, *provider.Error) {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(params)) {
		if !plain(name) || !plain(params[name]) {
			return "", provider.Errorf(provider.KindInvalid, "parameter %.40q: want letters, digits, - and _", name)
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(name + "=" + params[name])
	}
	if b.Len() > maxParams {
		return "", provider.Errorf(provider.KindInvalid, "parameters take %d bytes, want at most %d", b.Len(), maxParams)
	}
	return b.String(), nil
}

// plain reports whether s is made of the characters of an id.
func plain(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !call.ValidID("x" + string(r)) })
}
