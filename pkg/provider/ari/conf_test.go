package ari

import (
	"strings"
	"testing"

	"github.com/trunkline-io/trunkline/pkg/provider"
)

func TestPBXConfig(t *testing.T) {
	const base = "wss://calls.example.com/v1/media"
	for name, test := range map[string]struct {
		values map[string]any
		says   []string
		silent []string
	}{
		"plain": {values: values(fieldURL, "http://10.0.0.5:8088/pbx/ari/", fieldApp, "mine", fieldUsername, "gate"),
			says: []string{"bindport = 8088\n", "\nprefix = pbx\n", "\n[gate]\ntype = user\nread_only = no\npassword = " + passwordHere + "\n",
				"Stasis(mine,inbound,${CALLED})\n", `GotoIf($["${STASISSTATUS}" = "FAILED"]?away)`, "n(away),Congestion(5)"},
			silent: []string{"tlsenable", "websocket_client"}},
		"secure": {values: values(fieldURL, "https://pbx.example.com"),
			says: []string{"tlsenable = yes\ntlsbindaddr = 0.0.0.0:443 "}, silent: []string{"bindport", "prefix"}},
		"client": {values: values(fieldMediaMode, modeClient, fieldClient, "gw"),
			says: []string{"\n[gw]\ntype = websocket_client\nconnection_type = per_call_config\nuri = " + base + "\nprotocols = media\n", "tls_enabled = yes"}},
		"empty": {values: nil, says: []string{"bindport = 8088", "Stasis(trunkline,inbound"}},
	} {
		got := PBXConfig(provider.Config{Values: test.values}, base)
		for _, says := range test.says {
			if !strings.Contains(got, says) {
				t.Errorf("%s: no %q in\n%s", name, says, got)
			}
		}
		for _, silent := range append(test.silent, testPassword) {
			if strings.Contains(got, silent) {
				t.Errorf("%s: %q in\n%s", name, silent, got)
			}
		}
		for _, file := range []string{"http.conf", "ari.conf", "extensions.conf"} {
			if !strings.Contains(got, "; ---- "+file) {
				t.Errorf("%s: nothing for %s", name, file)
			}
		}
	}
}
