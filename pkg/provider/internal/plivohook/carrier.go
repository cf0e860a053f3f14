package plivohook

import (
	"regexp"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/form"
)

// Carrier is one of those whose webhooks have these fields.
type Carrier string

// The carriers.
const (
	Plivo Carrier = "plivo"
	Vobiz Carrier = "vobiz"
)

var (
	plivoAccount = regexp.MustCompile(`^(MA|SA)[A-Z0-9]{18}$`)
	vobizAccount = regexp.MustCompile(`^(MA|SA)_`)
)

// Recognise tells, for an address that several carriers share, who sent a
// request, and for which of its accounts; both are "" where nothing tells. It
// chooses whose signature is looked for, and proves nothing.
func Recognise(req *provider.Request) (from Carrier, account string) {
	said, _ := FieldsOrJSON(nil, req)
	account = Account(said)
	switch {
	case signedBy(req.Header, "X-Vobiz-Signature-"):
		from = Vobiz
	case signedBy(req.Header, "X-Plivo-Signature-"):
		from = Plivo
	case strings.Contains(strings.ToLower(req.Header.Get("User-Agent")), "vobiz"):
		from = Vobiz
	default:
		from = shaped(said)
	}
	return from, account
}

func signedBy(h provider.Header, prefix string) bool {
	for _, f := range h {
		if len(f.Name) >= len(prefix) && strings.EqualFold(f.Name[:len(prefix)], prefix) {
			return true
		}
	}
	return false
}

// shaped recognises a carrier by how it writes the names of accounts.
func shaped(said form.Fields) Carrier {
	for _, name := range [...]string{"ParentAuthID", "AuthID", "auth_id"} {
		switch id := said.Get(name); {
		case vobizAccount.MatchString(id):
			return Vobiz
		case plivoAccount.MatchString(id):
			return Plivo
		}
	}
	return ""
}
