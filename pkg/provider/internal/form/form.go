// Package form reads application/x-www-form-urlencoded text the way carriers
// sign it: nothing is dropped, trimmed or reordered. (net/url drops every pair
// with a semicolon and refuses the whole text for one bad escape.)
package form

import "strings"

// Field is one name and value, decoded.
type Field struct{ Name, Value string }

// Fields are fields in the order in which they came. A name may repeat.
type Fields []Field

// Append decodes raw and appends its fields to dst. A plus is a space, a name
// without an equals sign has an empty value, an empty pair is no field, and a
// pair with an escape that is none is taken as literal text. The fields own
// their text: raw may be reused.
func Append[T string | []byte](dst Fields, raw T) Fields {
	rest := string([]byte(raw))
	d := decoder{room: len(rest)}
	for rest != "" {
		var pair string
		pair, rest, _ = strings.Cut(rest, "&")
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		if decodable(pair) {
			name, value = d.decode(name), d.decode(value)
		}
		dst = append(dst, Field{name, value})
	}
	return dst
}

// decoder writes decoded texts one behind the other, in one allocation, as
// they are never longer than what they are made of.
type decoder struct {
	room int
	text strings.Builder
}

func (d *decoder) decode(s string) string {
	if strings.IndexByte(s, '%') < 0 && strings.IndexByte(s, '+') < 0 {
		return s
	}
	if d.text.Cap() == 0 {
		d.text.Grow(d.room)
	}
	start := d.text.Len()
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch c {
		case '+':
			c = ' '
		case '%':
			c = unhex(s[i+1])<<4 | unhex(s[i+2])
			i += 2
		}
		d.text.WriteByte(c)
	}
	return d.text.String()[start:]
}

// decodable reports whether every percent sign begins an escape.
func decodable(s string) bool {
	for {
		i := strings.IndexByte(s, '%')
		if i < 0 {
			return true
		}
		if i+2 >= len(s) || unhex(s[i+1]) > 15 || unhex(s[i+2]) > 15 {
			return false
		}
		s = s[i+3:]
	}
}

// unhex returns the value of a hexadecimal digit, above 15 for anything else.
func unhex(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	}
	return 0xff
}

// Get returns the first value of a name, "" when there is none. Names are
// compared exactly.
func (f Fields) Get(name string) string {
	v, _ := f.Lookup(name)
	return v
}

// Lookup is Get that tells an empty value from none.
func (f Fields) Lookup(name string) (string, bool) {
	for i := range f {
		if f[i].Name == name {
			return f[i].Value, true
		}
	}
	return "", false
}
