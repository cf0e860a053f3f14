package telnyx

import (
	"net/http"
	"slices"
	"strings"
)

// number is a number of the account.
type number struct {
	RecordType     string   `json:"record_type"`
	ID             string   `json:"id"`
	PhoneNumber    string   `json:"phone_number"`
	Status         string   `json:"status"`
	ConnectionID   string   `json:"connection_id"`
	ConnectionName string   `json:"connection_name"`
	Type           string   `json:"phone_number_type"`
	Country        string   `json:"country_iso_alpha2"`
	Tags           []string `json:"tags"`
}

func newNumber(id, e164 string) *number {
	country := "US"
	switch {
	case strings.HasPrefix(e164, "+44"):
		country = "GB"
	case strings.HasPrefix(e164, "+49"):
		country = "DE"
	}
	return &number{
		RecordType: "phone_number", ID: id, PhoneNumber: e164, Status: "active", Type: "local", Country: country, Tags: []string{},
	}
}

// number is called with the mutex held.
func (c *Carrier) number(e164 string) *number {
	i := slices.IndexFunc(c.numbers, func(n *number) bool { return n.PhoneNumber == e164 })
	if i < 0 {
		return nil
	}
	return c.numbers[i]
}

// listNumbers filters by a part of the digits. Anything else in the filter, such
// as a plus, finds nothing.
func (c *Carrier) listNumbers(r *http.Request) (any, error) {
	q := r.URL.Query()
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []number
	for _, n := range c.numbers {
		part := q.Get("filter[phone_number]")
		if part != "" && (len(part) < 3 || strings.Trim(part, "0123456789") != "" || !strings.Contains(n.PhoneNumber, part)) ||
			q.Has("filter[connection_id]") && q.Get("filter[connection_id]") != n.ConnectionID ||
			q.Has("filter[status]") && q.Get("filter[status]") != n.Status ||
			q.Has("filter[country_iso_alpha2]") && q.Get("filter[country_iso_alpha2]") != n.Country {
			continue
		}
		list = append(list, *n)
	}
	return page(r, list)
}

func (c *Carrier) getNumber(r *http.Request) (any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.numberByID(r)
	if n == nil {
		return nil, notFound("Phone number")
	}
	return data(*n), nil
}

// patchNumber points a number at an application. An empty id takes it away.
func (c *Carrier) patchNumber(r *http.Request) (any, error) {
	var q struct {
		ConnectionID *string  `json:"connection_id"`
		Tags         []string `json:"tags"`
	}
	if _, err := readJSON(r, &q); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.numberByID(r)
	if n == nil {
		return nil, notFound("Phone number")
	}
	if q.ConnectionID != nil {
		n.ConnectionID, n.ConnectionName = "", ""
		if a := c.app(*q.ConnectionID); a != nil {
			n.ConnectionID, n.ConnectionName = a.ID, a.Name
		} else if *q.ConnectionID != "" {
			return nil, invalid(codeBadRequest, "connection_id", "there is no connection %s", *q.ConnectionID)
		}
	}
	if q.Tags != nil {
		n.Tags = q.Tags
	}
	return data(*n), nil
}

func (c *Carrier) numberByID(r *http.Request) *number {
	i := slices.IndexFunc(c.numbers, func(n *number) bool { return n.ID == r.PathValue("id") })
	if i < 0 {
		return nil
	}
	return c.numbers[i]
}
