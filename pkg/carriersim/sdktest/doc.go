// Package sdktest shows that the simulated carriers are faithful: the carriers'
// own SDKs drive them and do not notice. It has tests alone, behind the build
// tag sdk, because they need Node: `make test-sdk` runs them.
//
// Each test tells a story in two halves. The half in JavaScript is a small
// program as a customer of the carrier would write it, with the carrier's SDK:
// it lists numbers, points one at itself, is called, dials, asks, redirects and
// hangs up, and its SDK must accept each webhook that comes and no forgery. The
// half in Go puts up the carrier, compares what the program tells with what the
// carrier knows, and looks at the carrier's side of the calls.
//
// Node 18 will do, which Debian 12 and Ubuntu 24.04 have, because package.json
// puts an older uuid under Vonage's SDK: the one that it asks for cannot be
// loaded before Node 20.19.
package sdktest
