package plivo

import (
	"testing"

	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/providertest"
)

const (
	testAccount = "MATRUNKLINE000000001"
	vectorToken = "VHJ1bmtsaW5lUHVibGljVG9rZW4wMDAxcGxpdm8" // signs the webhooks of the vector file
)

// suite is Plivo as the conformance suite has to know it.
func suite() providertest.Suite {
	return providertest.Suite{
		Provider: carrier,
		Config:   provider.Config{Values: map[string]any{fieldAuthID: testAccount, fieldAuthToken: vectorToken}},
		Dialed:   providertest.Reply{Status: 201, Body: `{"message":"call fired","request_uuid":"22222222-bbbb-4000-8000-000000000002","api_id":"97ceeb52-58b6-11e1-86da-77300b68f8bb"}`},
		HungUp:   providertest.Reply{Status: 204},
		Ended:    []providertest.Reply{{Status: 404, Body: "{}"}, {Status: 404, Body: "<html>not found</html>"}, {Status: 404}},
	}
}

func TestConformance(t *testing.T) { providertest.Run(t, suite()) }

func FuzzParse(f *testing.F) { providertest.FuzzParse(f, suite()) }

func FuzzVerify(f *testing.F) { providertest.FuzzVerify(f, suite()) }

func FuzzCodec(f *testing.F) { providertest.FuzzCodec(f, suite()) }

// testDriver opens an account with more values than the required ones.
func testDriver(t testing.TB, more map[string]any) *driver {
	t.Helper()
	c := suite().Config
	for name, v := range more {
		c.Values[name] = v
	}
	if err := spec.Validate(c); err != nil {
		t.Fatal(err)
	}
	d, err := open(c)
	if err != nil {
		t.Fatal(err)
	}
	return d.(*driver)
}
