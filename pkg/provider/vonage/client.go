package vonage

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/rest"
)

// Where the APIs are.
const (
	apiHost     = "https://api.nexmo.com"
	numbersHost = "https://rest.nexmo.com"
)

// connect makes the clients of the three APIs, which differ in host and in how
// they authenticate. An address that replaces the carrier's is that of all
// three, unless it is a host of the carrier's: those of regions have calls only.
func (d *driver) connect(c provider.Config, s *signer) {
	base := strings.TrimRight(c.APIURL, "/")
	voice := apiHost
	if region := c.String(fieldRegion); region != "" {
		voice = "https://" + region + ".vonage.com"
	}
	others := base
	if carriers(base) {
		others = ""
	}
	client := func(base string, auth rest.Auth) *rest.Client {
		return &rest.Client{
			Base: base, Auth: auth, Fault: fault,
			Secrets: append(c.Strings(fieldPreviousSecrets), c.String(fieldAPISecret), c.String(fieldSecret), c.String(fieldPrivateKey)),
		}
	}
	basic := rest.Basic(d.account, c.String(fieldAPISecret))
	d.voice = client(cmp.Or(base, voice), s.authorize)
	d.accounts = client(cmp.Or(others, apiHost), basic)
	d.numbers = client(cmp.Or(others, numbersHost), basic)
}

// at returns the client for a call in the region that Vonage named for it: a
// call lives in one region, and others may not know it. The name came in a
// webhook, and credentials go there. So it must be a host of the carrier's,
// and takes the place of another of the carrier's only: not that of a proxy.
func (d *driver) at(region string) *rest.Client {
	if region == "" || !carriers(region) || !carriers(d.voice.Base) {
		return d.voice
	}
	regional := *d.voice
	regional.Base = strings.TrimRight(region, "/")
	return &regional
}

// carriers reports whether an address is a host of the carrier's over HTTPS,
// and nothing more.
func carriers(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.User != nil || strings.Trim(u.Path, "/")+u.RawQuery+u.Fragment != "" {
		return false
	}
	host := strings.ToLower(u.Host)
	return strings.HasSuffix(host, ".vonage.com") || strings.HasSuffix(host, ".nexmo.com")
}

// A token is good for tokenLife, and is replaced tokenMargin before its end.
const (
	tokenLife   = 5 * time.Minute
	tokenMargin = time.Minute
)

// signer makes the tokens that authenticate the requests of an application: a
// JWT signed with its private key. Signing takes a millisecond, so one token
// serves several requests.
type signer struct {
	application string
	key         *rsa.PrivateKey
	now         func() time.Time

	lock  sync.Mutex
	token string
	renew time.Time
}

// authorize implements rest.Auth.
func (s *signer) authorize(h http.Header) error {
	s.lock.Lock()
	defer s.lock.Unlock()
	if now := s.now(); s.token == "" || !now.Before(s.renew) {
		token, err := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
			"application_id": s.application, "iat": now.Unix(), "exp": now.Add(tokenLife).Unix(), "jti": newUUID(),
		}).SignedString(s.key)
		if err != nil {
			return fmt.Errorf("sign with the private key: %w", err)
		}
		s.token, s.renew = token, now.Add(tokenLife-tokenMargin)
	}
	h.Set("Authorization", "Bearer "+s.token)
	return nil
}

// newUUID returns a random UUID, version 4.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// fault reads the error documents of the APIs: problem details (RFC 7807), or
// the code and label of the Numbers API.
func fault(_ int, body []byte) rest.Fault {
	var doc struct {
		Type    string `json:"type"`
		Title   string `json:"title"`
		Detail  string `json:"detail"`
		Invalid []struct {
			Name   string `json:"name"`
			Reason string `json:"reason"`
		} `json:"invalid_parameters"`
		numbersReply
	}
	if json.Unmarshal(body, &doc) != nil {
		return rest.Fault{}
	}
	text := []string{doc.Title, doc.Detail, doc.Label}
	for _, p := range doc.Invalid {
		text = append(text, strings.TrimSpace(p.Name+" "+p.Reason))
	}
	_, code, _ := strings.Cut(doc.Type, "#")
	return rest.Fault{Code: cmp.Or(code, string(doc.Code)), Text: sentence(text)}
}

// sentence joins the texts that are not empty.
func sentence(parts []string) string {
	var b strings.Builder
	for _, p := range parts {
		if p != "" && b.Len() > 0 {
			b.WriteString(": ")
		}
		b.WriteString(p)
	}
	return b.String()
}

// TestCredentials implements provider.CredentialTester: the API secret opens
// the application, and its private key lists calls.
func (d *driver) TestCredentials(ctx context.Context) error {
	if _, err := d.readApplication(ctx); err != nil {
		return err
	}
	return d.voice.Do(ctx, rest.Request{Method: http.MethodGet, Path: callsPath, Query: url.Values{"page_size": {"1"}}}, nil)
}
