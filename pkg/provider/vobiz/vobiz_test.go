package vobiz

import (
	"testing"

	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/providertest"
)

const (
	testAccount = "MA_TRNK0001"
	vectorToken = "vobizPublicTestToken0001" // signs the webhooks of the vector file
)

// suite is Vobiz as the conformance suite has to know it, with an account
// whose callback URLs have no credentials.
func suite() providertest.Suite {
	return providertest.Suite{
		Provider:  carrier,
		Config:    provider.Config{Values: map[string]any{fieldAuthID: testAccount, fieldAuthToken: vectorToken, fieldSigned: false}},
		Uncovered: []providertest.Part{providertest.Body, providertest.Query},
		PathProof: true,
		Dialed:    providertest.Reply{Status: 200, Body: `{"api_id":"97ceeb52-58b6-11e1-86da-77300b68f8bb","message":"Call fired","request_uuid":"bbbb2222-0000-4000-8000-000000000002"}`},
		HungUp:    providertest.Reply{Status: 204},
	}
}

func TestConformance(t *testing.T) { providertest.Run(t, suite()) }

func FuzzParse(f *testing.F) { providertest.FuzzParse(f, suite()) }

func FuzzVerify(f *testing.F) { providertest.FuzzVerify(f, suite()) }

func FuzzCodec(f *testing.F) { providertest.FuzzCodec(f, suite()) }

// testDriver opens an account with more values than the required ones.
func testDriver(t testing.TB, c provider.Config) *driver {
	t.Helper()
	values := map[string]any{fieldAuthID: testAccount, fieldAuthToken: vectorToken}
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
