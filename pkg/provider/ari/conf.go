package ari

import (
	"cmp"
	"net/url"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/provider"
)

// passwordHere stands where the password does, which nobody gets to read.
const passwordHere = "THE-PASSWORD-OF-THE-TRUNK"

// PBXConfig writes what has to stand in the configuration files of Asterisk for
// a trunk of configuration c. media is the base of the addresses at which media
// nodes are reached, wss://host/v1/media. The password is not written.
func PBXConfig(c provider.Config, media string) string {
	sections := []string{
		confHead,
		httpConf(c.String(fieldURL)),
		strings.NewReplacer("USER", c.String(fieldUsername), "PASSWORD", passwordHere).Replace(ariConf),
		strings.ReplaceAll(extensionsConf, "APP", cmp.Or(c.String(fieldApp), defaultApp)),
	}
	if c.String(fieldMediaMode) == modeClient {
		sections = append(sections, clientConf(cmp.Or(c.String(fieldClient), "trunkline_media"), media))
	}
	return strings.Join(sections, "\n")
}

const confHead = `; For the files in /etc/asterisk that the lines below name. What is there already stays; a [general] exists once per file.
; Then: asterisk -rx 'core reload'
; Seen to work: 'module show like chan_websocket' says Running, 'ari show users' names the user, 'ari show apps' the
; application as soon as Trunkline listens.
`

// httpConf makes Asterisk's HTTP server listen at the address that the trunk has.
func httpConf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		u = &url.URL{Scheme: "http", Host: "127.0.0.1:8088"}
	}
	var b strings.Builder
	b.WriteString("; ---- http.conf (FreePBX: Settings, Advanced Settings, Asterisk Builtin mini-HTTP server)\n[general]\nenabled = yes\n")
	if u.Scheme == "https" {
		b.WriteString("tlsenable = yes\ntlsbindaddr = 0.0.0.0:" + cmp.Or(u.Port(), "443") + "        ; best the one address that Trunkline uses: ARI is full control of the PBX\n" +
			"tlscertfile = /etc/asterisk/keys/asterisk.pem\n;tlsprivatekey = /etc/asterisk/keys/asterisk.key\n")
	} else {
		b.WriteString("bindaddr = 0.0.0.0               ; best the one address that Trunkline uses: ARI is full control of the PBX\nbindport = " + cmp.Or(u.Port(), "80") + "\n")
	}
	if prefix := strings.Trim(strings.TrimSuffix(strings.TrimRight(u.Path, "/"), "/ari"), "/"); prefix != "" {
		b.WriteString("prefix = " + prefix + "\n")
	}
	return b.String()
}

const ariConf = `; ---- ari.conf (FreePBX: the section [USER] goes into ari_additional_custom.conf)
[general]
enabled = yes
websocket_write_timeout = 1000   ; ms; a listener that is slower for a moment is not cut off

[USER]
type = user
read_only = no
password = PASSWORD
password_format = plain
`

const extensionsConf = `; ---- extensions.conf (FreePBX: extensions_custom.conf)
; Send calls here: as the context of an endpoint, by Goto(to-APP,${EXTEN},1) in a dialplan of yours, or, in FreePBX,
; by a Custom Destination to-APP,s,1.
[to-APP]
exten => _X!,1,Set(CALLED=${EXTEN})
 same => n,Goto(s,over)
exten => _+X!,1,Set(CALLED=${EXTEN})
 same => n,Goto(s,over)
exten => s,1,Set(CALLED=${FROM_DID})     ; where FreePBX keeps the number that was called
 same => n(over),Stasis(APP,inbound,${CALLED})
 same => n,GotoIf($["${STASISSTATUS}" = "FAILED"]?away)
 same => n,Hangup()
 same => n(away),Congestion(5)           ; nobody listens: a queue or a voicemail box of yours does as well
 same => n,Hangup(41)
`

// clientConf has Asterisk dial the media nodes.
func clientConf(section, media string) string {
	conf := `; ---- websocket_client.conf
[` + section + `]
type = websocket_client
connection_type = per_call_config
uri = ` + media + `
protocols = media
connection_timeout = 1000        ; ms
reconnect_interval = 200         ; ms
reconnect_attempts = 2
`
	if strings.HasPrefix(media, "wss:") {
		conf += `tls_enabled = yes                ; wss:// alone is not enough
ca_list_file = /etc/ssl/certs/ca-certificates.crt
verify_server_cert = yes
verify_server_hostname = yes
`
	}
	return conf
}
