package cloudonix

import (
	"cmp"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/form"
)

// parseRecord reads a call detail record. There is one for every session of
// the domain, when it is over; that it does not say of which, or how it ended,
// happens.
func (d *driver) parseRecord(n *provider.Notice, said form.Fields) error {
	var owner struct {
		Domain struct {
			UUID string `json:"uuid"`
		} `json:"domain"`
	}
	_ = json.Unmarshal([]byte(said.Get("owner")), &owner) // may be missing
	if uuid := owner.Domain.UUID; uuid != "" && d.uuid != "" && !strings.EqualFold(uuid, d.uuid) {
		return provider.Unauthenticated(provider.ErrAccount)
	}
	var of struct {
		Token  string `json:"token"`
		Status string `json:"status"`
	}
	_ = json.Unmarshal([]byte(said.Get("session")), &of) // may be null
	n.LegID = of.Token
	n.Direction = direction(said.Get("direction"))
	parties(n, said.Get("from"), said.Get("to"))
	if seconds := whole(said.Get("timestamp")); seconds != nil {
		n.Time = time.Unix(int64(*seconds), 0).UTC()
	}
	n.Seconds = whole(said.Get("billsec"))
	total := whole(said.Get("duration"))
	if n.Seconds == nil {
		n.Seconds = total
	}
	if total != nil {
		detail(n, "total_s", strconv.Itoa(*total))
	}
	n.RawStatus = said.Get("disposition")
	n.Status = disposition(n.RawStatus)
	if n.Status == "" { // over it is; who talked was answered
		n.Status = call.Uncertain
		if n.Seconds != nil && *n.Seconds > 0 {
			n.Status = call.Completed
		}
	}
	n.Code = cmp.Or(n.RawStatus, of.Status)
	n.Cause = cause(n.Status, n.Code)
	n.RecordingURL = said.Get("recording_url")
	detail(n, "sip_call_id", said.Get("call_id"))
	cost(n, said)
	return nil
}

// cost reads what was charged. The two other amounts are a guess before the
// fact, and what a reseller asks of a customer of their own. All are in the
// currency of the account, which nothing tells.
func cost(n *provider.Notice, said form.Fields) {
	if rated := amount(said.Get("rated_cost")); rated != "" {
		n.Cost = &call.Cost{Amount: rated}
	}
	for _, which := range [...]string{"rated", "approx", "sell"} {
		detail(n, "cost_"+which, amount(said.Get(which+"_cost")))
	}
}

var decimal = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?$`)

// amount is a price as a plain decimal, "" for what is none.
func amount(number string) string {
	if number == "" || decimal.MatchString(number) {
		return number
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || f < 0 || f > 1e9 { // false for NaN
		return ""
	}
	if plain := strconv.FormatFloat(f, 'f', -1, 64); decimal.MatchString(plain) { // 1.2e-05
		return plain
	}
	return ""
}

// whole reads a number of whole units, nil where there is none.
func whole(number string) *int {
	if number == "" {
		return nil
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || !(f >= 0 && f < 1<<40) {
		return nil
	}
	n := int(f)
	return &n
}
