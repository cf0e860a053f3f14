package form

import "slices"

// Sort orders fields by name, then by value, both by UTF-16 code unit: the
// order of strings in JavaScript and Java, by which carriers sign.
func (f Fields) Sort() {
	slices.SortFunc(f, func(a, b Field) int {
		if c := Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return Compare(a.Value, b.Value)
	})
}

// Compare orders two UTF-8 texts by their UTF-16 code units.
func Compare(a, b string) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return int(unitRank(a[i])) - int(unitRank(b[i]))
		}
	}
	return len(a) - len(b)
}

// unitRank orders the bytes of UTF-8 as UTF-16 orders what they begin: as they
// are, but that U+E000 to U+FFFF (bytes 0xEE and 0xEF) come after the planes
// above the first (0xF0 to 0xF4), which it writes with surrogates (from D800).
func unitRank(c byte) byte {
	if c == 0xee || c == 0xef {
		return c + 0x10
	}
	return c
}
