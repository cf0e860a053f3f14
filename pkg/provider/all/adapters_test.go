package all_test

import (
	"cmp"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"sync"

	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/plivosign"
	"github.com/trunkline-io/trunkline/pkg/provider/providertest"
	"github.com/trunkline-io/trunkline/pkg/provider/vonage"
)

// adapters say how the accounts of the vector files are configured, by
// provider.
var adapters = map[string]providertest.Adapter{
	"twilio":    {Config: twilioConfig},
	"plivo":     {Config: plivoConfig, Schemes: plivoSchemes, Optional: []string{"streamId"}},
	"vonage":    {Config: vonageConfig, Hook: vonageHook, Notice: vonageNotice, Schemes: vonageSchemes},
	"telnyx":    {Config: telnyxConfig, BigEndian: true},
	"cloudonix": {Config: cloudonixConfig, PathVerified: cloudonixPath},
	"ari":       {Own: ariVectors},
	"vobiz":     {Config: vobizConfig, PathVerified: vobizPath, Notice: vobizNotice, Optional: []string{"streamId"}},
}

func config(values map[string]any) provider.Config {
	for name, v := range values {
		if v == "" {
			delete(values, name)
		}
	}
	return provider.Config{Values: values}
}

func twilioConfig(c providertest.Case) provider.Config {
	return config(map[string]any{
		"account_sid": "AC00000000000000000000000000000a11",
		"auth_token":  c.String("auth_token"),
	})
}

func plivoConfig(c providertest.Case) provider.Config {
	return config(map[string]any{
		"auth_id":         cmp.Or(c.String("auth_id"), "MATRUNKLINE000000001"),
		"auth_token":      c.String("auth_token"),
		"main_auth_token": c.String("main_auth_token"),
	})
}

// plivoSchemes has the retired signature, which lets nothing in.
var plivoSchemes = map[string]func(*provider.Request, provider.Config) error{
	"plivo-v2": func(req *provider.Request, c provider.Config) error {
		v2 := plivosign.Scheme{Own: "X-Plivo-Signature-V2", Parent: "X-Plivo-Signature-Ma-V2", Nonce: "X-Plivo-Signature-V2-Nonce"}
		keys := plivosign.NewKeys(c.String("auth_token"), c.String("main_auth_token"))
		return keys.Verify(req.Header, &v2, plivosign.Text{URL: req.URL, Bare: true})
	},
}

// vonageConfig has a key of its own: it signs requests of ours only.
func vonageConfig(c providertest.Case) provider.Config {
	secret := c.String("signature_secret")
	if c.Section == "signatures" {
		secret = c.String("secret")
	}
	return config(map[string]any{
		"api_key":          cmp.Or(c.String("api_key"), c.String("configured_api_key")),
		"application_id":   cmp.Or(c.String("application_id"), c.String("configured_application_id")),
		"signature_secret": secret,
		"api_secret":       "vector-api-secret",
		"private_key":      privateKey(),
	})
}

// vonageHook: the answer URL of an application is asked for inbound calls.
func vonageHook(path string) provider.Hook {
	hook, _ := providertest.HookOf(path)
	if hook == provider.HookAnswer {
		return provider.HookInbound
	}
	return hook
}

// vonageSchemes are signatures that let no webhook in.
var vonageSchemes = map[string]func(*provider.Request, provider.Config) error{
	"jwt-hs256-signature-only": func(req *provider.Request, c provider.Config) error {
		return vonage.VerifyToken(req, c.String("signature_secret"))
	},
	"vonage-legacy-md5hash": vonageParameters("md5hash"),
	"vonage-legacy-md5":     vonageParameters("md5"),
	"vonage-legacy-sha1":    vonageParameters("sha1"),
	"vonage-legacy-sha256":  vonageParameters("sha256"),
	"vonage-legacy-sha512":  vonageParameters("sha512"),
}

func vonageParameters(algorithm string) func(*provider.Request, provider.Config) error {
	return func(req *provider.Request, c provider.Config) error {
		return vonage.VerifyParameters(req, algorithm, c.String("signature_secret"))
	}
}

// vonageNotice: call_id is the phone's leg, leg_id that of the media socket,
// whose events are not about the phone's.
var vonageNotice = map[string]func(*provider.Notice) any{
	"call_id": func(n *provider.Notice) any {
		if n.Foreign {
			return ""
		}
		return n.LegID
	},
	"leg_id": func(n *provider.Notice) any {
		if n.Foreign {
			return n.LegID
		}
		return n.ChildLeg
	},
}

func telnyxConfig(c providertest.Case) provider.Config {
	return config(map[string]any{
		"api_key":            "KEY0123456789vector",
		"connection_id":      cmp.Or(c.String("configured_connection_id"), "1293384261075731499"),
		"webhook_public_key": c.String("public_key"),
	})
}

func cloudonixConfig(c providertest.Case) provider.Config {
	return config(map[string]any{
		"bearer_token":      "XI0123456789vector",
		"domain_id":         cmp.Or(c.String("configured_domain"), "acme.cloudonix.net"),
		"domain_uuid":       c.String("configured_domain_uuid"),
		"webhook_api_key":   c.String("webhook_api_key"),
		"accepted_api_keys": c.Strings("accepted_api_keys"),
	})
}

// cloudonixPath: the token stands for Trunkline's own MAC.
func cloudonixPath(c providertest.Case, req *provider.Request) bool {
	token := c.String("path_token")
	return token != "" && lastSegment(req) == token
}

func vobizConfig(c providertest.Case) provider.Config {
	vobiz := config(map[string]any{
		"auth_id":           cmp.Or(c.String("auth_id"), "MA_TRNK0001"),
		"auth_token":        c.String("auth_token"),
		"main_auth_token":   c.String("main_auth_token"),
		"require_signature": c.Setting("require_signature") != false,
		"l16_in_byte_order": cmp.Or(c.Setting("l16_in_byte_order"), any("little")),
	})
	vobiz.Country = "IN"
	if country, ok := c.Setting("default_country").(string); ok {
		vobiz.Country = country
	}
	return vobiz
}

// vobizNotice: a duration counts the ringing and a cost has no currency, so
// neither is the notice's own.
var vobizNotice = map[string]func(*provider.Notice) any{
	"duration_s": func(n *provider.Notice) any {
		if s, ok := n.Detail["duration_s"]; ok {
			return s
		}
		return n.Seconds
	},
	"cost": func(n *provider.Notice) any { return n.Detail["cost"] },
}

// vobizPath: the secret stands for Trunkline's own MAC.
func vobizPath(c providertest.Case, req *provider.Request) bool {
	secret, _ := c.Setting("path_secret").(string)
	return secret != "" && lastSegment(req) == secret
}

// privateKey is a key that nobody else has.
var privateKey = sync.OnceValue(func() string {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err) // no randomness, no test
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
})
