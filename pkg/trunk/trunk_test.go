package trunk_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/bus/bustest"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/subject"
	"github.com/trunkline-io/trunkline/pkg/trunk"
)

const (
	secret    = "0123456789abcdef0123456789abcdef"
	oldSecret = "fedcba9876543210fedcba9876543210"
)

// paper is a provider without a carrier.
type paper struct{}

func (paper) Dial(context.Context, provider.DialRequest) (provider.DialResult, error) {
	return provider.DialResult{}, nil
}
func (paper) Hangup(context.Context, provider.Leg) error { return nil }

func init() {
	provider.Register(&provider.Spec{
		Name: "paper", DisplayName: "Paper", AccountField: "account",
		Fields: []provider.FieldSpec{
			{Name: "account", Label: "Account", Type: provider.Text, Required: true},
			{Name: "token", Label: "Token", Type: provider.Password, Secret: true, Required: true},
			{Name: "old_tokens", Label: "Old tokens", Type: provider.Strings, Secret: true},
		},
		Open: func(provider.Config) (provider.Driver, error) { return paper{}, nil },
	})
}

func keys(t *testing.T, secrets ...string) *trunk.Keys {
	t.Helper()
	k, err := trunk.NewKeys(secrets[0], secrets[1:]...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func paperTrunk() trunk.Trunk {
	return trunk.Trunk{Org: "default", Name: "main", Provider: "paper", Config: map[string]any{
		"account": "A1", "token": "hunter2", "old_tokens": []any{"older", "oldest"},
	}}
}

func TestSecretsAreSealedAtRestAndMaskedOnRead(t *testing.T) {
	k := keys(t, secret)
	sealed, err := k.SealSecrets(paperTrunk(), trunk.Trunk{})
	if err != nil {
		t.Fatal(err)
	}
	atRest, _ := json.Marshal(sealed)
	shown, _ := json.Marshal(trunk.MaskSecrets(sealed))
	for _, s := range []string{"hunter2", "older", "oldest"} {
		if strings.Contains(string(atRest), s) || strings.Contains(string(shown), s) {
			t.Errorf("%s is legible in %s or %s", s, atRest, shown)
		}
	}
	if !strings.Contains(string(shown), `"account":"A1"`) {
		t.Errorf("what is no secret is hidden: %s", shown)
	}
	opened, err := keys(t, oldSecret, secret).OpenSecrets(sealed)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(paperTrunk(), opened); diff != "" {
		t.Errorf("opened with the rotated key: %s", diff)
	}
	if _, err := keys(t, oldSecret).OpenSecrets(sealed); err == nil {
		t.Error("opened with a foreign key")
	}
}

func TestSealedTextDoesNotOpenElsewhere(t *testing.T) {
	k := keys(t, secret)
	sealed, err := k.SealSecrets(paperTrunk(), trunk.Trunk{})
	if err != nil {
		t.Fatal(err)
	}
	sealed.Name = "other"
	if _, err := k.OpenSecrets(sealed); err == nil {
		t.Error("a secret that was copied to another trunk opens")
	}
}

func TestMaskedValueMeansUnchanged(t *testing.T) {
	k := keys(t, secret)
	old, err := k.SealSecrets(paperTrunk(), trunk.Trunk{})
	if err != nil {
		t.Fatal(err)
	}
	edited := trunk.MaskSecrets(old)
	edited.Config["account"] = "A2"
	stored, err := k.SealSecrets(edited, old)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := k.OpenSecrets(stored)
	if err != nil {
		t.Fatal(err)
	}
	want := paperTrunk()
	want.Config["account"] = "A2"
	if diff := cmp.Diff(want, opened); diff != "" {
		t.Error(diff)
	}
	if _, err := k.SealSecrets(edited, trunk.Trunk{}); err == nil {
		t.Error("a mask without an earlier value was taken for a secret")
	}
}

func TestWritingASecretAgainSealsItWithTheCurrentKey(t *testing.T) {
	old, err := keys(t, oldSecret).SealSecrets(paperTrunk(), trunk.Trunk{})
	if err != nil {
		t.Fatal(err)
	}
	for name, given := range map[string]trunk.Trunk{"masked": trunk.MaskSecrets(old), "sealed": old} {
		written, err := keys(t, secret, oldSecret).SealSecrets(given, old)
		if err != nil {
			t.Fatal(err)
		}
		opened, err := keys(t, secret).OpenSecrets(written)
		if err != nil {
			t.Fatalf("%s: without the previous key: %v", name, err)
		}
		if diff := cmp.Diff(paperTrunk(), opened); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestShortSecretIsRefused(t *testing.T) {
	if _, err := trunk.NewKeys("short"); err == nil || !strings.Contains(err.Error(), "openssl rand") {
		t.Errorf("got %v, want an error that says how to make one", err)
	}
}

func TestHookURL(t *testing.T) {
	l := trunk.Links{Keys: keys(t, secret), Hooks: "https://hooks.example.com/tl/"}
	p := trunk.HookPath{Provider: "paper", Org: "default", Trunk: "main", Hook: provider.HookStatus, Call: "c1"}
	url := l.Hook(p)
	mac, ok := strings.CutPrefix(url, "https://hooks.example.com/tl/v1/paper/default/main/status/c1/")
	if !ok {
		t.Fatalf("url is %s", url)
	}
	if !l.VerifyHook(&p, mac) {
		t.Error("its own MAC does not verify")
	}
	for name, q := range map[string]trunk.HookPath{
		"other org":   {Provider: "paper", Org: "x", Trunk: "main", Hook: provider.HookStatus, Call: "c1"},
		"other trunk": {Provider: "paper", Org: "default", Trunk: "x", Hook: provider.HookStatus, Call: "c1"},
		"other hook":  {Provider: "paper", Org: "default", Trunk: "main", Hook: provider.HookAnswer, Call: "c1"},
		"other call":  {Provider: "paper", Org: "default", Trunk: "main", Hook: provider.HookStatus, Call: "c2"},
		"no call":     {Provider: "paper", Org: "default", Trunk: "main", Hook: provider.HookStatus, Call: "-"},
	} {
		if l.VerifyHook(&q, mac) {
			t.Errorf("%s: the MAC verifies", name)
		}
	}
	rotated := trunk.Links{Keys: keys(t, oldSecret, secret)}
	if !rotated.VerifyHook(&p, mac) {
		t.Error("after a rotation the earlier URL does not verify")
	}
	none := trunk.HookPath{Provider: "paper", Org: "default", Trunk: "main", Hook: provider.HookInbound}
	url = l.Hook(none)
	none.Call = "-"
	if !l.VerifyHook(&none, url[strings.LastIndex(url, "/")+1:]) || none.Call != "" {
		t.Errorf("a URL without a call does not verify, or names the call %q", none.Call)
	}
}

func TestStreamURL(t *testing.T) {
	l := trunk.Links{Keys: keys(t, secret), Media: "wss://media.example.com"}
	p := trunk.StreamPath{Org: "default", Trunk: "main", Call: "c1", Stream: "s1"}
	expires := time.Unix(1_800_000_000, 0)
	url := l.Stream(p, expires)
	if again := l.Stream(p, expires); again != url {
		t.Errorf("the same arguments give %s and %s", url, again)
	}
	token := url[strings.LastIndex(url, "/")+1:]
	if !l.VerifyStream(p, token, expires) {
		t.Error("the token does not verify in time")
	}
	if l.VerifyStream(p, token, expires.Add(time.Second)) {
		t.Error("the token verifies after its time")
	}
	at, mac, _ := strings.Cut(token, ".")
	if l.VerifyStream(p, at+"0."+mac, expires) {
		t.Error("the token verifies with a longer time")
	}
	p.Stream = "s2"
	if l.VerifyStream(p, token, expires) {
		t.Error("the token verifies for another stream")
	}
}

func TestCacheFollowsTheBuckets(t *testing.T) {
	b := bustest.New(t)
	k := keys(t, secret)
	put := func(bucket, key string, v any) {
		t.Helper()
		kv, err := b.Bucket(t.Context(), bucket)
		if err != nil {
			t.Fatal(err)
		}
		doc, _ := json.Marshal(v)
		if err := kv.Put(t.Context(), key, doc); err != nil {
			t.Fatal(err)
		}
	}
	sealed, err := k.SealSecrets(paperTrunk(), trunk.Trunk{})
	if err != nil {
		t.Fatal(err)
	}
	put(subject.BucketTrunks, subject.TrunkKey("default", "main"), sealed)
	put(subject.BucketNumbers, subject.NumberKey("default", "main", "+14155550101"), trunk.Number{Org: "default", Trunk: "main", Address: "+14155550101", Application: "sales"})
	put(subject.BucketNumbers, subject.NumberKey("default", "main", trunk.AnyNumber), trunk.Number{Org: "default", Trunk: "main", Address: trunk.AnyNumber, Application: "echo"})

	c := trunk.NewCache(k, bustest.Log(t))
	ctx, cancel := context.WithCancel(t.Context())
	loaded := make(chan struct{})
	watched := make(chan error, 1)
	go func() { watched <- c.Watch(ctx, b, func() { close(loaded) }) }()
	<-loaded

	line, err := c.Trunk("default", "main")
	if err != nil || line.Account.ID() != "A1" {
		t.Fatalf("trunk: %v, %v", line, err)
	}
	if found := c.ByAccount("paper", "A1"); len(found) != 1 || found[0].Name != "main" {
		t.Errorf("by account: %v", found)
	}
	for address, want := range map[string]string{"+14155550101": "sales", "+14155550999": "echo"} {
		if n, ok := c.Number("default", "main", address); !ok || n.Application != want {
			t.Errorf("%s is answered by %q, want %q", address, n.Application, want)
		}
	}
	if diff := cmp.Diff([]string{"+14155550101"}, c.CallerIDs("default", "main")); diff != "" {
		t.Error(diff)
	}

	_, changed := c.Trunks()
	broken := sealed
	broken.Config = map[string]any{"account": "A1"}
	put(subject.BucketTrunks, subject.TrunkKey("default", "main"), broken)
	<-changed
	if _, err := c.Trunk("default", "main"); err == nil || !strings.Contains(err.Error(), `"token"`) {
		t.Errorf("a trunk without its token: %v, want an error that names the field", err)
	}
	cancel()
	if err := <-watched; err != nil {
		t.Error(err)
	}
}
