package provider

import "strings"

// abilities lists all abilities, in the order of the capability matrix, with
// what they are called there.
var abilities = []struct {
	ability Ability
	name    string
}{
	{CanReceive, "signed or sealed webhooks"}, {CanHandshake, "signed media handshake"}, {CanListen, "event socket"},
	{CanStream, "media stream, both ways"}, {CanAnswer, "answered over REST"}, {CanRedirect, "redirect a live call"},
	{CanDetectAMD, "answering-machine detection"}, {CanSendDTMF, "send DTMF over REST"}, {CanReadStatus, "read a call's status"},
	{CanReconcile, "find a lost dial"}, {CanReadCost, "read a call's cost"}, {CanListNumbers, "list numbers"},
	{CanConfigure, "configure a number's webhook"}, {CanProvision, "set up the account"}, {CanTestLogin, "test the credentials"},
}

// Matrix writes the capability matrix of all registered providers as a
// Markdown table. "sim" is an ability that is tested against a simulated
// carrier, "live" one that was also seen to work at the carrier itself.
func Matrix() string {
	var b strings.Builder
	specs := Specs()
	row := func(first string, cell func(*Spec) string) {
		b.WriteString("| " + first + " |")
		for _, s := range specs {
			b.WriteString(" " + cell(s) + " |")
		}
		b.WriteByte('\n')
	}
	row("", func(s *Spec) string { return s.DisplayName })
	row("---", func(*Spec) string { return "---" })
	row("dial, hang up", func(s *Spec) string { return s.tested("") })
	for _, a := range abilities {
		row(a.name, func(s *Spec) string {
			if !s.Has(a.ability) {
				return ""
			}
			return s.tested(a.ability)
		})
	}
	return b.String()
}

// tested says how far an ability was tested; "" is the driver itself.
func (s *Spec) tested(a Ability) string {
	for _, live := range s.Live {
		if live == a {
			return "live"
		}
	}
	return "sim"
}
