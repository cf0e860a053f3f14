package telnyx

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// recordFields are what detail records can be filtered by.
var recordFields = []string{"record_type", "call_leg_id", "call_session_id", "connection_id", "started_at", "answered_at", "finished_at", "currency"}

// detailRecords lists what ended calls cost, one row for each part of a price.
// Filtering by what is no field is refused.
func (c *Carrier) detailRecords(r *http.Request) (any, error) {
	rate, ok := map[string]int{"call-control": controlRate, "sip-trunking": trunkingRate}[r.URL.Query().Get("filter[record_type]")]
	if !ok {
		return nil, &apiError{http.StatusBadRequest, codeBadRequest, "filter[record_type] is unknown or not simulated", ""}
	}
	for name := range r.URL.Query() {
		field, isFilter := strings.CutPrefix(name, "filter[")
		if isFilter && !slices.Contains(recordFields, strings.SplitN(field, "]", 2)[0]) {
			return nil, &apiError{http.StatusBadRequest, codeBadRequest, name + " is not a field of this record type", ""}
		}
	}
	c.mu.Lock()
	sessions := slices.Clone(c.sessions)
	c.mu.Unlock()
	list := []map[string]any{}
	for _, s := range sessions {
		ended := s.EndedAt()
		if ended.IsZero() || !s.Answered() || time.Since(ended) < c.opt.CostAfter {
			continue
		}
		row := map[string]any{
			"record_type": r.URL.Query().Get("filter[record_type]"), "call_leg_id": s.legID, "call_session_id": s.sessionID,
			"connection_id": s.order.connection, "started_at": stamp(s.created), "answered_at": stamp(s.AnsweredAt()), "finished_at": stamp(ended),
			"cost": usd(rate * s.billed() / 60), "currency": "USD", "rate": usd(rate), "billed_sec": s.billed(),
		}
		fits := true
		for name, values := range r.URL.Query() {
			if field, isFilter := strings.CutPrefix(name, "filter["); isFilter && strings.HasSuffix(field, "]") {
				value, known := row[strings.TrimSuffix(field, "]")]
				fits = fits && (!known || value == values[0])
			}
		}
		if fits {
			list = append(list, row)
		}
	}
	return page(r, list)
}
