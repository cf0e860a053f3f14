package plivohook

import "strings"

var decoration = strings.NewReplacer(" ", "", "-", "", ".", "", "(", "", ")", "", "[", "", "]", "")

// E164 gives a number the form +14155550101; the carrier leaves out the plus.
// What is no number of 7 to 15 digits (a SIP URI, a short code, a word) stays
// as it is.
func E164(raw string) string {
	number, plus := digitsOf(raw)
	if plus || numeric(number) {
		return "+" + number
	}
	return raw
}

// India is E164 for a carrier that may give numbers as they are dialled in
// India: ten digits, or a 0 before them, or 00 before a country code.
func India(raw string) string {
	number, plus := digitsOf(raw)
	switch {
	case plus || !onlyDigits(number):
		return E164(raw)
	case strings.HasPrefix(number, "00") && numeric(number[2:]):
		return "+" + number[2:]
	case len(number) == 11 && number[0] == '0':
		return "+91" + number[1:]
	case len(number) == 10:
		return "+91" + number
	}
	return E164(raw)
}

// digitsOf takes the decoration off a number. plus reports that what is left
// is an international number, which had a plus before it.
func digitsOf(raw string) (number string, plus bool) {
	number, plus = strings.CutPrefix(decoration.Replace(raw), "+")
	return number, plus && numeric(number)
}

// numeric reports whether s has as many digits as an international number.
func numeric(s string) bool { return len(s) >= 7 && len(s) <= 15 && onlyDigits(s) }

func onlyDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// withheld reports whether a caller id stands for none: a word for it, the user
// of RFC 3323, or the number that spells ANONYMOUS on a phone's keys.
func withheld(from string) bool {
	switch from = strings.ToLower(from); from {
	case "anonymous", "restricted", "private", "unavailable", "unknown", "+266696687":
		return true
	}
	return strings.HasPrefix(from, "sip:anonymous@")
}
