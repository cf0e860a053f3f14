package ari

import (
	"fmt"
	"strconv"
	"strings"
)

// Releases of each series, by their second number. least are the first that
// have control messages in JSON and transport_data, oneWay those that know a
// direction, and best the first that no request of a media leg can crash.
var (
	least  = map[int]int{20: 18, 22: 8, 23: 2}
	oneWay = map[int]int{20: 19, 22: 9, 23: 3}
	best   = map[int]int{20: 21, 22: 11, 23: 5}
)

// newest is the last series of those that did not begin with all that.
const newest = 23

// What an operator is told to run.
const (
	leastReleases = "20.18, 22.8 or 23.2"
	bestReleases  = "20.21, 22.11 or 23.5"
)

// lacks says what a version does not have, "" when nothing is missing or the
// version is none that can be read (a build of one's own).
func lacks(version string, direction bool) string {
	major, minor, ok := parseVersion(version)
	if !ok || major > newest {
		return ""
	}
	if first, series := least[major]; !series || minor < first {
		return "the media sockets that Trunkline needs: upgrade to " + bestReleases + " (" + leastReleases + " at least)"
	}
	if direction && minor < oneWay[major] {
		return "one-way media sockets: use 20.19, 22.9, 23.3 or later"
	}
	return ""
}

// better is the first release of a version's series that is safe, "" where the
// version is one.
func better(version string) string {
	major, minor, ok := parseVersion(version)
	if first, series := best[major]; ok && series && minor < first {
		return fmt.Sprintf("%d.%d", major, first)
	}
	return ""
}

// parseVersion reads 22.10.1, 20.18.0-rc1 or certified/20.7-cert3.
func parseVersion(version string) (major, minor int, ok bool) {
	version = version[strings.LastIndexByte(version, '/')+1:]
	first, rest, _ := strings.Cut(version, ".")
	second, _, _ := strings.Cut(rest, ".")
	second, _, _ = strings.Cut(second, "-")
	major, err := strconv.Atoi(first)
	if err != nil {
		return 0, 0, false
	}
	minor, err = strconv.Atoi(second)
	return major, minor, err == nil
}
