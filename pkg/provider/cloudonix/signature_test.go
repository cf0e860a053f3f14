package cloudonix

import (
	"errors"
	"testing"

	"github.com/trunkline-io/trunkline/pkg/provider"
)

// testDriver opens an account with more values than the required ones.
func testDriver(t testing.TB, c provider.Config) *driver {
	t.Helper()
	values := map[string]any{fieldBearer: "XI-unit-test-bearer-token-public-1", fieldDomain: testDomain}
	for name, v := range c.Values {
		values[name] = v
	}
	c.Values = values
	if err := spec.Validate(c); err != nil {
		t.Fatal(err)
	}
	d, err := open(c)
	if err != nil {
		t.Fatal(err)
	}
	return d.(*driver)
}

func header(name, value string) provider.Field { return provider.Field{Name: name, Value: value} }

func TestVerify(t *testing.T) {
	const old, short = "the-key-before-this-one", "fifteen-letters"
	all := map[string]any{fieldWebhookKey: testKey, fieldAcceptedKeys: []string{old, short, " " + old + "x "}}
	for name, test := range map[string]struct {
		values map[string]any
		header provider.Header
		proved bool
		want   error
	}{
		"key":                         {all, provider.Header{header("Authorization", "Bearer "+testKey)}, false, nil},
		"blanks":                      {all, provider.Header{header("authorization", "  bEARER   "+testKey+"  ")}, false, nil},
		"the other header":            {all, provider.Header{header("x-cx-apikey", " "+testKey+" ")}, false, nil},
		"rotated":                     {all, provider.Header{header("X-CX-APIKey", old)}, false, nil},
		"listed with blanks":          {all, provider.Header{header("X-CX-APIKey", old+"x")}, false, nil},
		"second of two lines":         {all, provider.Header{header("X-CX-APIKey", "XI-another-application"), header("X-CX-APIKey", testKey)}, false, nil},
		"path":                        {all, nil, true, nil},
		"path of a keyless account":   {nil, nil, true, nil},
		"path and a key of no use":    {all, provider.Header{header("X-CX-APIKey", "XI-another-application")}, true, nil},
		"nothing":                     {all, nil, false, provider.ErrUnsigned},
		"only blanks":                 {all, provider.Header{header("Authorization", "Bearer   "), header("X-CX-APIKey", " ")}, false, provider.ErrUnsigned},
		"no scheme":                   {all, provider.Header{header("Authorization", testKey)}, false, provider.ErrUnsigned},
		"another scheme":              {all, provider.Header{header("Authorization", "Basic "+testKey)}, false, provider.ErrUnsigned},
		"cookie":                      {all, provider.Header{header("Cookie", "X-CX-APIKey="+testKey)}, false, provider.ErrUnsigned},
		"wrong":                       {all, provider.Header{header("Authorization", "Bearer "+testKey+"x")}, false, provider.ErrSignature},
		"cut":                         {all, provider.Header{header("X-CX-APIKey", testKey[:len(testKey)-1])}, false, provider.ErrSignature},
		"two words":                   {all, provider.Header{header("Authorization", "Bearer "+testKey+" x")}, false, provider.ErrSignature},
		"both in one":                 {all, provider.Header{header("X-CX-APIKey", testKey+","+old)}, false, provider.ErrSignature},
		"too short":                   {all, provider.Header{header("X-CX-APIKey", short)}, false, provider.ErrSignature},
		"the key for REST":            {all, provider.Header{header("Authorization", "Bearer XI-unit-test-bearer-token-public-1")}, false, provider.ErrSignature},
		"no key is configured":        {nil, provider.Header{header("X-CX-APIKey", testKey)}, false, provider.ErrNoSecret},
		"only a short one configured": {map[string]any{fieldAcceptedKeys: []string{short}}, provider.Header{header("X-CX-APIKey", short)}, false, provider.ErrNoSecret},
	} {
		d := testDriver(t, provider.Config{Values: test.values})
		err := d.Verify(&provider.Request{Method: "POST", Header: test.header, PathVerified: test.proved})
		if !errors.Is(err, test.want) || (test.want != nil) != (provider.KindOf(err) == provider.KindUnauthenticated) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
}

func TestVerifyDoesNotAllocate(t *testing.T) {
	d := testDriver(t, provider.Config{Values: map[string]any{fieldWebhookKey: testKey}})
	req := &provider.Request{Header: provider.Header{header("Content-Type", "application/json"), header("Authorization", "Bearer "+testKey)}}
	if n := testing.AllocsPerRun(100, func() {
		if err := d.Verify(req); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("Verify allocates %v times", n)
	}
}
