package vonage

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"hash"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/form"
)

// The two functions below check signatures that prove less than Verify asks
// for. No webhook of a call gets in by them; they are for programs of one's
// own that receive what else Vonage sends.

// VerifyToken checks that the bearer token of a request is signed with secret,
// and nothing of what it says: neither age, nor account, nor body.
func VerifyToken(req *provider.Request, secret string) error {
	token, err := bearer(req.Header)
	if err != nil {
		return err
	}
	return newSecrets(secret).open(token, jwt.MapClaims{})
}

// digests are the algorithms of parameter signatures, all but md5hash.
var digests = map[string]func() hash.Hash{"md5": md5.New, "sha1": sha1.New, "sha256": sha256.New, "sha512": sha512.New}

// VerifyParameters checks the signature that Vonage's older products put into
// the parameter sig of a query or a form. algorithm is what the account is set
// to: md5hash, md5, sha1, sha256 or sha512. The parameter timestamp (Unix
// seconds) must be of the last or next five minutes.
func VerifyParameters(req *provider.Request, algorithm, secret string) error {
	fields := form.Append(nil, req.Query())
	if req.Method != http.MethodGet {
		fields = form.Append(nil, req.Body)
	}
	signature, signed := fields.Lookup("sig")
	digest := digests[algorithm]
	switch {
	case !signed:
		return provider.Unauthenticated(provider.ErrUnsigned)
	case secret == "":
		return provider.Unauthenticated(provider.ErrNoSecret)
	case digest == nil && algorithm != "md5hash":
		return provider.Errorf(provider.KindInvalid, "signature algorithm %q is not known", algorithm)
	}
	text := parameters(fields)
	var sum []byte
	if digest == nil {
		plain := md5.Sum([]byte(text + secret))
		sum = plain[:]
	} else {
		mac := hmac.New(digest, []byte(secret))
		mac.Write([]byte(text))
		sum = mac.Sum(nil)
	}
	if !hmac.Equal([]byte(hex.EncodeToString(sum)), []byte(strings.ToLower(signature))) {
		return provider.Unauthenticated(provider.ErrSignature)
	}
	at, err := strconv.ParseInt(fields.Get("timestamp"), 10, 64)
	if err != nil || req.Now.Sub(time.Unix(at, 0)).Abs() > maxAge {
		return provider.Unauthenticated(provider.ErrStale)
	}
	return nil
}

// parameters writes fields as they are signed: by name, without the signature
// and without blank values, in which & and = become _.
func parameters(fields form.Fields) string {
	fields.Sort()
	plain := strings.NewReplacer("&", "_", "=", "_")
	var b strings.Builder
	for _, f := range fields {
		if f.Name != "sig" && strings.TrimSpace(f.Value) != "" {
			b.WriteString("&" + f.Name + "=" + plain.Replace(f.Value))
		}
	}
	return b.String()
}
