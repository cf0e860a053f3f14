package all_test

import (
	"cmp"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"sync"

	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/providertest"
)

// adapters say how the accounts of the vector files are configured, by
// provider.
var adapters = map[string]providertest.Adapter{
	"twilio":    {Config: twilioConfig},
	"plivo":     {Config: plivoConfig, Optional: []string{"streamId"}},
	"vonage":    {Config: vonageConfig, Hook: vonageHook, Notice: vonageNotice},
	"telnyx":    {Config: telnyxConfig, BigEndian: true},
	"cloudonix": {Config: cloudonixConfig, PathVerified: cloudonixPath},
	"vobiz":     {Config: vobizConfig, PathVerified: vobizPath, Optional: []string{"streamId"}},
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
		"auth_id":         cmp.Or(c.String("auth_id"), "MA_TRNK0001"),
		"auth_token":      c.String("auth_token"),
		"main_auth_token": c.String("main_auth_token"),
	})
	vobiz.Country, _ = c.Setting("default_country").(string)
	return vobiz
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
