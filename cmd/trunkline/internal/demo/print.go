package demo

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// columns is the width for which the output is laid out.
const columns = 100

// say prints a line about all calls.
func (j *journal) say(format string, args ...any) {
	if j.live != nil {
		_, _ = fmt.Fprintf(j.live, format+"\n", args...)
	}
}

// show prints one line of a call's timeline. The journal must be locked.
func (j *journal) show(t *timeline, at time.Time, who, what, detail string) {
	if j.live == nil {
		return
	}
	line := fmt.Sprintf("%-*s  %-8s %6d ms  %-9s  %-18s  %s", j.width, t.trunk, t.direction, at.Sub(t.began).Milliseconds(), who, what, detail)
	_, _ = fmt.Fprintln(j.live, cut(strings.TrimRight(line, " ")))
}

// cut shortens a line to the width of the output.
func cut(line string) string {
	if runes := []rune(line); len(runes) > columns {
		return string(runes[:columns-1]) + "…"
	}
	return line
}

// Print writes the report for people.
func (r *Report) Print(w io.Writer) error {
	p := &printer{w: w}
	for _, c := range r.Calls {
		p.call(c)
	}
	p.summary(r)
	p.line("\nThe echo agent holds %d ms back; that is part of the delay.", r.AgentHoldsMS)
	for _, text := range r.Problems {
		p.line("FAILED: %s", text)
	}
	p.line("%d of %d calls did what they should. Listen to them: %s", r.good(), len(r.Calls), r.Out)
	if r.OK {
		p.line("Where to go next: \"To a real phone number\" in README.md, the same with an account at a carrier.")
	} else {
		p.line("The demo failed. Run it with --verbose to see what the services log.")
	}
	return p.err
}

func (r *Report) good() (n int) {
	for _, c := range r.Calls {
		if c.OK {
			n++
		}
	}
	return n
}

// printer keeps the first error.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

// row prints a named value, on several lines where it is too long for one.
func (p *printer) row(name, format string, args ...any) {
	const indent = 12
	for i, text := range wrap(fmt.Sprintf(format, args...), columns-indent) {
		if i > 0 {
			name = ""
		}
		p.line("  %-*s%s", indent-2, name, text)
	}
}

func (p *printer) call(c Call) {
	p.line("\n%s %s: %s", c.Carrier, c.Direction, verdict(c))
	for _, text := range c.Problems {
		p.row("FAILED", "%s", text)
	}
	p.row("call", "%s", words(c.ID, "from", c.From, "to", c.To))
	p.events(c.Events)
	if c.AnsweredMS != nil {
		p.row("answered", "after %d ms", *c.AnsweredMS)
		p.row("greeting", "%s, begins %d ms after the audio", c.Greeting.text(), c.Greeting.DelayMS)
		p.row("echo", "%s, %d ms after it was said", c.text(), c.DelayMS)
	}
	if c.HeardWAV != "" {
		p.row("said", "%s", c.SaidWAV)
		p.row("heard", "%s", c.HeardWAV)
	}
	if !c.OK {
		for _, n := range c.CarrierLog {
			p.line("%s", cut(fmt.Sprintf("  %-8s %6d ms  %s", "carrier", n.MS, n.What)))
		}
	}
}

func verdict(c Call) string {
	if c.OK {
		return "ok"
	}
	return "FAILED"
}

// text tells what was heard, without when.
func (s Sound) text() string {
	text := fmt.Sprintf("%.2f s at %.1f dBFS, similarity %.3f", s.Seconds, s.LevelDBFS, s.Similarity)
	if s.Slips > 0 {
		text += fmt.Sprintf(", %d slips", s.Slips)
	}
	return text
}

// events prints when each fact was recorded, three to a line.
func (p *printer) events(entries []Entry) {
	name := "events"
	for some := range slices.Chunk(entries, 3) {
		line := ""
		for _, e := range some {
			line += fmt.Sprintf("%-16s %6d ms    ", e.Type, e.MS)
		}
		p.line("  %-10s%s", name, strings.TrimRight(line, " "))
		name = ""
	}
}

// summary prints a line per call.
func (p *printer) summary(r *Report) {
	p.line("")
	table := tabwriter.NewWriter(p.w, 0, 4, 2, ' ', 0)
	rows := [][]string{{"CARRIER", "DIRECTION", "RESULT", "ANSWERED", "GREETING", "ECHO", "ECHO AFTER", "ECHO LEVEL", "MEDIA"}}
	for _, c := range r.Calls {
		row := []string{c.Carrier, string(c.Direction), verdict(c), "-", "-", "-", "-", "-", c.Format}
		if c.AnsweredMS != nil {
			copy(row[3:], []string{fmt.Sprintf("%d ms", *c.AnsweredMS), fmt.Sprintf("%.3f", c.Greeting.Similarity),
				fmt.Sprintf("%.3f", c.Similarity), fmt.Sprintf("%d ms", c.DelayMS), fmt.Sprintf("%.1f dBFS", c.LevelDBFS)})
		}
		rows = append(rows, row)
	}
	for _, row := range rows {
		if p.err == nil {
			_, p.err = fmt.Fprintln(table, strings.Join(row, "\t"))
		}
	}
	if p.err == nil {
		p.err = table.Flush()
	}
}

// wrap breaks a text at spaces into lines of at most width characters; a word
// that is longer has a line of its own.
func wrap(text string, width int) (lines []string) {
	line := ""
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case len(line)+1+len(word) <= width:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	return append(lines, line)
}
