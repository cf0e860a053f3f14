package form

import (
	"net/url"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
)

func TestAppend(t *testing.T) {
	for raw, want := range map[string]Fields{
		"":                        nil,
		"&&":                      nil,
		"a=1&b=2":                 {{"a", "1"}, {"b", "2"}},
		"b=2&a=1&b=1":             {{"b", "2"}, {"a", "1"}, {"b", "1"}},
		"Digits":                  {{"Digits", ""}},
		"a=1&Digits&":             {{"a", "1"}, {"Digits", ""}},
		"=v&=":                    {{"", "v"}, {"", ""}},
		"a=b=c":                   {{"a", "b=c"}},
		"n=++x+":                  {{"n", "  x "}},
		"From=%2B1415&x+y=%26%3d": {{"From", "+1415"}, {"x y", "&="}},
		"a=1;b=2;c":               {{"a", "1;b=2;c"}},
		"n=Zo%C3%AB+%F0%9F%91%8D": {{"n", "Zoë 👍"}},
		"b=%FF%00":                {{"b", "\xff\x00"}},
		"a=100%&b=%2B":            {{"a", "100%"}, {"b", "+"}},
		"a=%zz+1%20&b=1":          {{"a", "%zz+1%20"}, {"b", "1"}},
		"%4=1&a=%4":               {{"%4", "1"}, {"a", "%4"}},
	} {
		if diff := cmp.Diff(want, Append(nil, raw)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", raw, diff)
		}
	}
}

func TestAppendOwnsItsText(t *testing.T) {
	raw := []byte("plain=text&coded=%2B1")
	got := Append(Fields{{"kept", "1"}}, raw)
	for i := range raw {
		raw[i] = '#'
	}
	want := Fields{{"kept", "1"}, {"plain", "text"}, {"coded", "+1"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("after the text was overwritten (-want +got):\n%s", diff)
	}
}

func TestLookup(t *testing.T) {
	f := Append(nil, "a=1&a=2&empty=")
	if v, ok := f.Lookup("a"); v != "1" || !ok {
		t.Errorf("a: %q %v, want the first value", v, ok)
	}
	if v, ok := f.Lookup("empty"); v != "" || !ok {
		t.Errorf("empty: %q %v, want an empty value that is there", v, ok)
	}
	if v, ok := f.Lookup("A"); v != "" || ok {
		t.Errorf("A: %q %v, want none", v, ok)
	}
}

func TestSort(t *testing.T) {
	f := Append(nil, "b=1&B=2&a=3&A=4&_u=5&Z10=6&Z1=7&z=8&a=1")
	f.Sort()
	want := Fields{{"A", "4"}, {"B", "2"}, {"Z1", "7"}, {"Z10", "6"}, {"_u", "5"}, {"a", "1"}, {"a", "3"}, {"b", "1"}, {"z", "8"}}
	if diff := cmp.Diff(want, f); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestAppendAllocates(t *testing.T) {
	raw := []byte(strings.Repeat("Name=%2B14155550101&", 30))
	var room [32]Field
	if n := testing.AllocsPerRun(100, func() { Append(room[:0], raw) }); n > 2 {
		t.Errorf("%v allocations, want at most 2", n)
	}
}

// FuzzAppend compares with net/url wherever that drops and refuses nothing.
func FuzzAppend(f *testing.F) {
	for _, seed := range []string{"a=1&b=%2B&a", "x+y=%zz", "=&&=", "a=%", "a;b=1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		fields := Append(nil, raw)
		values, err := url.ParseQuery(raw)
		if err != nil {
			return
		}
		got := url.Values{}
		for _, field := range fields {
			got.Add(field.Name, field.Value)
		}
		if diff := cmp.Diff(values, got); diff != "" {
			t.Errorf("%q (-net/url +form):\n%s", raw, diff)
		}
	})
}

// FuzzCompare compares with an order of real UTF-16 texts.
func FuzzCompare(f *testing.F) {
	for _, pair := range [][2]string{{"a", "B"}, {"\uff5e", "👍"}, {"\ue000", "\U0010ffff"}, {"\ud7ff", "👍"}, {"ab", "abc"}} {
		f.Add(pair[0], pair[1])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if a != strings.ToValidUTF8(a, "?") || b != strings.ToValidUTF8(b, "?") {
			return
		}
		if got, want := sign(Compare(a, b)), sign(compareUnits(a, b)); got != want {
			t.Errorf("Compare(%q, %q) is %d, want %d", a, b, got, want)
		}
	})
}

func compareUnits(a, b string) int {
	x, y := utf16.Encode([]rune(a)), utf16.Encode([]rune(b))
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return int(x[i]) - int(y[i])
		}
	}
	return len(x) - len(y)
}

func sign(n int) int { return min(max(n, -1), 1) }
