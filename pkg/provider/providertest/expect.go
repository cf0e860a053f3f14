package providertest

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"github.com/google/go-cmp/cmp"
	"github.com/trunkline-io/trunkline/pkg/media"
)

// result is what a key of a transcript's expect is compared with.
type result struct {
	s      *session
	c      Case
	format media.Format // in which audio of ours went out
	swap   bool         // it went out big-endian
	name   string       // of the provider
}

// sums are the keys of expect that a session can tell. What they return is
// compared with the JSON value: string, int, bool, []string, []int, map of
// string or int. A nil says that the session cannot tell.
var sums = map[string]func(result) any{
	"stream_id":                       func(r result) any { return r.s.announced().StreamID },
	"call_id":                         func(r result) any { return r.s.announced().LegID },
	"account_id":                      func(r result) any { return r.s.announced().AccountID },
	"custom":                          func(r result) any { return r.s.announced().Params },
	"tracks":                          func(r result) any { return r.s.announced().Tracks },
	"sample_rate":                     func(r result) any { return r.s.in().Rate },
	"channels":                        func(r result) any { return r.channels() },
	"started":                         func(r result) any { return r.s.start != nil },
	"audio_bytes_in":                  func(r result) any { return total(r.s.voice()) },
	"audio_frames_in":                 func(r result) any { return len(r.s.voice()) },
	"audio_bytes_in_by_track":         func(r result) any { return r.s.bytesByTrack() },
	"audio_bytes_out":                 func(r result) any { return total(r.s.written) },
	"frames_out":                      func(r result) any { return len(r.s.written) },
	"dtmf":                            func(r result) any { return r.s.digits },
	"marks_played":                    func(r result) any { return r.s.markNames(func(cleared bool) bool { return !cleared }) },
	"marks_returned":                  func(r result) any { return r.s.markNames(func(bool) bool { return true }) },
	"marks_returned_because_of_clear": func(r result) any { return r.s.markNames(func(cleared bool) bool { return cleared }) },
	"marks_dropped":                   func(r result) any { return r.s.markNames(func(cleared bool) bool { return cleared }) },
	"marks_pending_after_clear":       func(r result) any { return r.s.pending() },
	"cleared":                         func(r result) any { return r.s.cleared },
	"clears_confirmed":                func(r result) any { return r.s.cleared },
	"clears_sent":                     func(r result) any { return r.s.clears },
	"ended_by":                        func(r result) any { return r.s.endedBy() },
	"session_continues":               func(r result) any { return r.s.err == nil && !r.s.stopped },
	"pcm_s16le_sha256":                func(r result) any { return r.hash(r.s.voice()) },
	"first_sample_sha256":             func(r result) any { return r.hash(r.s.voice()[:min(1, len(r.s.voice()))]) },
	"inbound_pcm_s16le_8k":            func(r result) any { return r.pcm(r.s.voice(), r.s.in()) },
	"inbound_pcm_s16le_16k":           func(r result) any { return r.pcm(r.s.voice(), r.s.in()) },
	"outbound_pcm_s16le_8k":           func(r result) any { return r.pcm(r.sent(), r.format) },
	"outbound_pcm_s16le_16k":          func(r result) any { return r.pcm(r.sent(), r.format) },
	"chunks_in_play_order":            func(r result) any { return r.s.chunks(inboundTrack) },
	"inbound_chunks":                  func(r result) any { return r.s.chunks(inboundTrack) },
	"outbound_chunks":                 func(r result) any { return r.s.chunks("outbound") },
	"duplicates_dropped":              func(r result) any { return r.s.dropped() },
	"concatenated_base64":             func(r result) any { return base64.StdEncoding.EncodeToString(bytes.Join(r.s.written, nil)) },
	"concatenated_payload_base64":     func(r result) any { return base64.StdEncoding.EncodeToString(bytes.Join(r.s.written, nil)) },
	"bytes_per_frame":                 func(r result) any { return r.frameSize() },
}

func (s *session) announced() media.Start {
	if s.start == nil {
		return media.Start{}
	}
	return *s.start
}

// channels is 1 for every stream that started: all audio is mono.
func (r result) channels() any {
	if r.s.start == nil {
		return 0
	}
	return 1
}

func total(frames [][]byte) int {
	n := 0
	for _, f := range frames {
		n += len(f)
	}
	return n
}

func (r result) hash(frames [][]byte) string {
	sum := sha256.Sum256(linear(bytes.Join(frames, nil), r.s.in()))
	return hex.EncodeToString(sum[:])
}

// pcm gives frames as the files do, samples in base64.
func (r result) pcm(frames [][]byte, f media.Format) []string {
	list := make([]string, len(frames))
	for i, frame := range frames {
		list[i] = base64.StdEncoding.EncodeToString(linear(frame, f))
	}
	return list
}

// sent is our audio in little-endian order, message by message.
func (r result) sent() [][]byte {
	if !r.swap {
		return r.s.written
	}
	frames := make([][]byte, len(r.s.written))
	for i, frame := range r.s.written {
		frames[i] = swapped(frame)
	}
	return frames
}

// frameSize is the one size of all messages of ours, -1 when they differ.
func (r result) frameSize() int {
	size := 0
	for _, f := range r.s.written {
		if size != 0 && len(f) != size {
			return -1
		}
		size = len(f)
	}
	return size
}

// compareSession compares every key of a transcript's expect.
func (s *sheet) compareSession(c Case, got *session) (o outcome) {
	r := result{s: got, c: c, name: s.spec.Name, format: got.out()}
	r.swap = s.adapter.BigEndian && r.format.Encoding == media.L16
	expect := c.expect()
	for _, key := range sortedKeys(expect) {
		want := expect[key]
		if read, ok := sums[key]; ok {
			o.compareSum(key, want, read(r))
			continue
		}
		if special, ok := specials[key]; ok {
			special(r, &o, want)
			continue
		}
		o.compareStartDetail(key, want, got)
	}
	if _, ok := expect["error"]; !ok && got.err != nil {
		o.addf("the codec gave up: %v", got.err)
	}
	return o
}

// compareSum compares a JSON value with a sum.
func (o *outcome) compareSum(key string, want, got any) {
	var same bool
	switch got := got.(type) {
	case string:
		same = scalar(want) == got && single(want)
	case int:
		same = scalar(want) == strconv.Itoa(got)
	case bool:
		same = want == got
	case []string:
		list, ok := want.([]any)
		same = (ok || want == nil) && slices.Equal(scalars(list), got)
	case map[string]string:
		object, ok := want.(map[string]any)
		same = (ok || want == nil) && len(object) == len(got) && cmp.Equal(texts(object), nonNil(got))
	case map[string]int:
		object, ok := want.(map[string]any)
		same = ok && len(object) == len(got)
		for k, v := range object {
			same = same && scalar(v) == strconv.Itoa(got[k])
		}
	}
	if !same {
		o.addf("%s is %s, want %s", key, show(got), show(want))
	}
}

func nonNil(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

// detailNames are other names under which a carrier announces what a file
// calls by the key.
var detailNames = map[string][]string{
	"session_id":       {"call_session_id", "conversation_uuid"},
	"carrier_call_sid": {"call_sid", "callSid"},
}

// compareStartDetail compares a key with the further ids of the announcement.
func (o *outcome) compareStartDetail(key string, want any, got *session) {
	detail := got.announced().Detail
	for _, name := range append([]string{key}, detailNames[key]...) {
		if v, ok := detail[name]; ok && single(want) {
			o.compareSum(key, want, v)
			return
		}
	}
	if want != nil {
		o.skip(key)
	}
}

// specials compare keys whose meaning depends on their value.
var specials = map[string]func(result, *outcome, any){
	"encoding":              func(r result, o *outcome, want any) { r.encoding(o, "encoding", want, r.s.in()) },
	"outbound_encoding":     func(r result, o *outcome, want any) { r.encoding(o, "outbound_encoding", want, r.format) },
	"carrier":               result.carrier,
	"error":                 result.fault,
	"warnings":              result.warned,
	"dtmf_duration_ms":      result.digitLength,
	"byte_order":            result.byteOrder,
	"first_samples":         result.firstSamples,
	"first_samples_of":      func(result, *outcome, any) {}, // read by first_samples
	"expected_call_id":      func(result, *outcome, any) {}, // the codec was made for it
	"config":                func(result, *outcome, any) {}, // the adapter read it
	"min_bytes_per_message": func(r result, o *outcome, want any) { r.size(o, "min_bytes_per_message", want, -1) },
	"max_bytes_per_message": func(r result, o *outcome, want any) { r.size(o, "max_bytes_per_message", want, +1) },
	"pad_byte":              result.padding,
}

// encoding compares the carrier's name of an encoding. One that is none of
// ours must not be taken for one of them.
func (r result) encoding(o *outcome, key string, want any, got media.Format) {
	enc := encodingOf(scalar(want))
	known := enc == media.ULaw || enc == media.ALaw || enc == media.L16
	switch {
	case enc == got.Encoding:
	case known, got.Valid():
		o.addf("%s is %q, want %s", key, got.Encoding, show(want))
	default:
		o.skip(key)
	}
}

// carrier compares whose stream it is: one of another carrier must not start.
func (r result) carrier(o *outcome, want any) {
	ours := scalar(want) == r.name
	started := r.s.start != nil && r.s.start.LegID != ""
	if ours != started {
		o.addf("a stream of %s: started for a leg: %v, want %v", show(want), started, ours)
	}
}

// fault compares error: true when the codec must give up, an object when it
// must report the carrier's own error.
func (r result) fault(o *outcome, want any) {
	object, _ := want.(map[string]any)
	switch {
	case want == true && r.s.err == nil:
		o.addf("the codec must give up, and went on")
	case want != true && r.s.err != nil:
		o.addf("the codec gave up: %v", r.s.err)
	}
	for _, key := range sortedKeys(object) {
		text := scalar(object[key])
		if !slices.ContainsFunc(r.s.warnings, func(w string) bool { return strings.Contains(w, text) }) {
			o.addf("no warning names the carrier's %s %q: %q", key, text, r.s.warnings)
		}
	}
}

// warned compares how many warnings there were. Their words are ours.
func (r result) warned(o *outcome, want any) {
	if list, ok := want.([]any); ok {
		o.compareSum("warnings", strconv.Itoa(len(list)), len(r.s.warnings))
		return
	}
	o.compareSum("warnings", want, len(r.s.warnings))
}

func (r result) digitLength(o *outcome, want any) {
	for _, ms := range r.s.digitMS {
		o.compareSum("dtmf_duration_ms", want, ms)
	}
}

// byteOrder compares the order of the carrier's samples: ours are little-endian.
func (r result) byteOrder(o *outcome, want any) {
	voice := r.s.voice()
	if len(voice) == 0 || len(r.s.arrived) == 0 || !r.s.arrived[0].used {
		o.skip("byte_order")
		return
	}
	order := "big"
	if bytes.Equal(voice[0], r.s.arrived[0].data) {
		order = "little"
	}
	o.compareSum("byte_order", want, order)
}

// ordinals name a frame in first_samples_of.
var ordinals = []string{"first", "second", "third", "fourth"}

func (r result) firstSamples(o *outcome, want any) {
	list, voice := scalars(want), r.s.voice()
	word, _, _ := strings.Cut(scalar(r.c.expect()["first_samples_of"]), " ")
	i := max(slices.Index(ordinals, word), 0)
	if i >= len(voice) {
		o.addf("first_samples: there are %d frames", len(voice))
		return
	}
	var got []string
	for _, sample := range samples(voice[i], r.s.in(), len(list)) {
		got = append(got, strconv.Itoa(sample))
	}
	o.compareSum("first_samples", want, got)
}

// size holds all messages of ours to a lower (-1) or an upper (+1) bound.
func (r result) size(o *outcome, key string, want any, side int) {
	limit, err := strconv.Atoi(scalar(want))
	if err != nil || len(r.s.written) == 0 {
		o.skip(key)
		return
	}
	for _, audio := range r.s.written {
		if (len(audio)-limit)*side > 0 {
			o.addf("%s is %s, and a message has %d", key, show(want), len(audio))
		}
	}
}

// padding compares what fills the last message up.
func (r result) padding(o *outcome, want any) {
	input, _ := r.c.input(r.format)
	sent := bytes.Join(r.s.written, nil)
	if input == nil {
		o.skip("pad_byte")
		return
	}
	for _, b := range sent[min(len(input), len(sent)):] {
		o.compareSum("pad_byte", want, int(b))
	}
}
