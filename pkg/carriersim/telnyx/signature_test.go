package telnyx

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"testing"
)

func TestSigned(t *testing.T) {
	doc, err := os.ReadFile("testdata/signatures.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Name, Timestamp, Signature, Body string
		PublicKey                        string `json:"public_key"`
		Valid                            bool
	}
	if err := json.Unmarshal(doc, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) < 16 {
		t.Fatalf("%d vectors", len(vectors))
	}
	for _, v := range vectors {
		if got := verify(t, v.PublicKey, v.Timestamp, v.Signature, []byte(v.Body)); got != v.Valid {
			t.Errorf("%s: valid is %t", v.Name, got)
		}
	}
}

// verify checks a signature over what this package says is signed.
func verify(t testing.TB, key, timestamp, signature string, body []byte) bool {
	public, err := base64.StdEncoding.DecodeString(key)
	if err != nil || len(public) != ed25519.PublicKeySize {
		t.Errorf("public key %q: %v", key, err)
		return false
	}
	raw, err := base64.StdEncoding.DecodeString(signature)
	return err == nil && ed25519.Verify(public, signed(timestamp, body), raw)
}

func TestCompose(t *testing.T) {
	c, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	h := http.Header{}
	body := c.compose(h, map[string]any{"data": 1})
	if !verify(t, c.PublicKey(), h.Get("Telnyx-Timestamp"), h.Get("Telnyx-Signature-Ed25519"), body) {
		t.Errorf("headers %v", h)
	}
	if verify(t, c.PublicKey(), h.Get("Telnyx-Timestamp"), h.Get("Telnyx-Signature-Ed25519"), append(body, ' ')) {
		t.Error("another body verifies, too")
	}
}
