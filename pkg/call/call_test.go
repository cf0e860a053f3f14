package call

import (
	"strings"
	"testing"
	"testing/quick"
)

func TestNewID(t *testing.T) {
	a, b := NewID(), NewID()
	if !ValidID(a) || !ValidID(b) || a == b {
		t.Errorf("ids %q and %q", a, b)
	}
}

func TestInboundID(t *testing.T) {
	// The id is in subjects of running calls: another build must compute the same.
	const want = "ingo7q3l04g83tfj98nmtob1g9"
	if got := InboundID("default", "main", "CA7c1f0e8ab2d94f5e83c6a1d2b0e97f46"); got != want {
		t.Errorf("id %s, want %s", got, want)
	}
	ids := map[string]string{}
	for _, parts := range [][3]string{{"a", "b", "c"}, {"a", "b", "d"}, {"a", "x", "c"}, {"x", "b", "c"}, {"ab", "", "c"}, {"a", "bc", ""}} {
		id := InboundID(parts[0], parts[1], parts[2])
		if other, taken := ids[id]; taken {
			t.Errorf("%v has the id of %s", parts, other)
		}
		ids[id] = strings.Join(parts[:], "/")
	}
}

func TestInboundIDIsAlwaysValid(t *testing.T) {
	valid := func(org, trunk, leg string) bool { return ValidID(InboundID(org, trunk, leg)) }
	if err := quick.Check(valid, nil); err != nil {
		t.Error(err)
	}
}

func TestValidID(t *testing.T) {
	for id, want := range map[string]bool{
		"a": true, "default": true, "A-b_9": true, "-a": true, strings.Repeat("x", MaxID): true,
		"": false, "-": false, strings.Repeat("x", MaxID+1): false, "a.b": false, "a b": false, "a*": false, ">": false,
		"+14155550100": false, "é": false, "a\n": false, "a/b": false, "a\x00": false,
	} {
		if got := ValidID(id); got != want {
			t.Errorf("ValidID(%q) is %t", id, got)
		}
		if err := CheckID("trunk", id); (err == nil) != want {
			t.Errorf("CheckID(%q): %v", id, err)
		} else if err != nil && !strings.HasPrefix(err.Error(), "trunk ") {
			t.Errorf("error %q does not name the field", err)
		}
	}
}
