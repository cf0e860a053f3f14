package wav_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/audio/g711"
	"github.com/trunkline-io/trunkline/pkg/audio/tone"
	"github.com/trunkline-io/trunkline/pkg/audio/wav"
)

// written returns the bytes of a file that write has made.
func written(t *testing.T, rate int, encoding wav.Encoding, write func(w *wav.Writer) error) []byte {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "out.wav"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	w, err := wav.NewWriter(file, rate, encoding)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(write(w), w.Close()); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestHeaderIsCanonical(t *testing.T) {
	want := []byte("RIFF\x2A\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00" +
		"\x80\x3E\x00\x00\x00\x7D\x00\x00\x02\x00\x10\x00data\x06\x00\x00\x00" +
		"\x01\x00\xFE\xFF\x00\x80")
	pcm := []int16{1, -2, -32768}
	if diff := cmp.Diff(want, wav.Encode(pcm, 16000)); diff != "" {
		t.Errorf("Encode: %s", diff)
	}
	got := written(t, 16000, wav.PCM16, func(w *wav.Writer) error { return w.WriteSamples(pcm) })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Writer: %s", diff)
	}
}

func TestMuLawHeader(t *testing.T) {
	want := []byte("RIFF\x36\x00\x00\x00WAVEfmt \x12\x00\x00\x00\x07\x00\x01\x00" +
		"\x40\x1F\x00\x00\x40\x1F\x00\x00\x01\x00\x08\x00\x00\x00" +
		"fact\x04\x00\x00\x00\x03\x00\x00\x00data\x03\x00\x00\x00" +
		"\xFF\x00\x80\x00")
	got := written(t, 8000, wav.ULaw, func(w *wav.Writer) error {
		_, err := w.Write([]byte{0xFF, 0x00, 0x80})
		return err
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestRoundTrip(t *testing.T) {
	pcm := tone.Sine(440, 8000, 2*time.Second+time.Millisecond, -10)
	codes, companded := make([]byte, len(pcm)), make([]int16, len(pcm))
	g711.EncodeULaw(codes, pcm)
	g711.DecodeULaw(companded, codes)
	alaw := make([]int16, len(pcm))
	g711.EncodeALaw(codes, pcm)
	g711.DecodeALaw(alaw, codes)
	for encoding, want := range map[wav.Encoding][]int16{wav.PCM16: pcm, wav.ULaw: companded, wav.ALaw: alaw} {
		data := written(t, 8000, encoding, func(w *wav.Writer) error {
			return errors.Join(w.WriteSamples(pcm[:161]), w.WriteSamples(nil), w.WriteSamples(pcm[161:]))
		})
		got, rate, err := wav.Decode(iotest.OneByteReader(bytes.NewReader(data)))
		if err != nil || rate != 8000 {
			t.Fatalf("encoding %d: rate %d, %v", encoding, rate, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("encoding %d: %s", encoding, diff)
		}
	}
}

// memory is a file in memory that shows what the disk has before Close.
type memory struct {
	data []byte
	at   int64
}

func (m *memory) Write(p []byte) (int, error) {
	m.data = slices.Concat(m.data[:m.at], p, m.data[min(int(m.at)+len(p), len(m.data)):])
	m.at += int64(len(p))
	return len(p), nil
}

func (m *memory) Seek(offset int64, whence int) (int64, error) {
	m.at = offset + map[int]int64{io.SeekStart: 0, io.SeekCurrent: m.at, io.SeekEnd: int64(len(m.data))}[whence]
	return m.at, nil
}

func TestFileThatWasNeverClosedIsReadable(t *testing.T) {
	sink := &memory{}
	w, err := wav.NewWriter(sink, 8000, wav.PCM16)
	if err != nil {
		t.Fatal(err)
	}
	pcm := make([]int16, 100000) // more than is buffered
	for i := range pcm {
		pcm[i] = int16(i)
	}
	if err := w.WriteSamples(pcm); err != nil {
		t.Fatal(err)
	}
	got, _, err := wav.Decode(bytes.NewReader(sink.data))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) < len(pcm)-40000 || len(got) > len(pcm) {
		t.Fatalf("%d samples of %d on disk", len(got), len(pcm))
	}
	if diff := cmp.Diff(pcm[:len(got)], got); diff != "" {
		t.Error(diff)
	}
}

// TestWriterStartsAnywhere puts a file behind something else.
func TestWriterStartsAnywhere(t *testing.T) {
	sink := &memory{data: []byte("prefix"), at: 6}
	w, err := wav.NewWriter(sink, 8000, wav.ULaw)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.WriteSamples(make([]int16, 7)), w.Close()); err != nil {
		t.Fatal(err)
	}
	if string(sink.data[:6]) != "prefix" || sink.at != int64(len(sink.data)) {
		t.Errorf("prefix %q, position %d of %d", sink.data[:6], sink.at, len(sink.data))
	}
	if pcm, _, err := wav.Decode(bytes.NewReader(sink.data[6:])); err != nil || len(pcm) != 7 {
		t.Errorf("%d samples, %v", len(pcm), err)
	}
}

// riff puts a file together from chunks.
func riff(chunks ...string) []byte {
	body := "WAVE"
	for i := 0; i < len(chunks); i += 2 {
		body += chunks[i] + string(binary.LittleEndian.AppendUint32(nil, uint32(len(chunks[i+1])))) + chunks[i+1]
		if len(chunks[i+1])%2 == 1 {
			body += "\x00"
		}
	}
	return []byte("RIFF" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(body)))) + body)
}

func format(encoding, channels uint16, rate uint32, bits uint16) string {
	var b []byte
	for _, v := range []any{encoding, channels, rate, rate * uint32(channels*bits/8), channels * bits / 8, bits} {
		b, _ = binary.Append(b, binary.LittleEndian, v)
	}
	return string(b)
}

func TestDecodeVariants(t *testing.T) {
	guid := "\x00\x00\x00\x00\x10\x00\x80\x00\x00\xAA\x00\x38\x9B\x71"
	for name, test := range map[string]struct {
		file []byte
		rate int
		want []int16
	}{
		"stereo is averaged": {
			riff("fmt ", format(1, 2, 44100, 16), "data", "\x02\x00\x04\x00\x0A\x00\xF6\xFF"), 44100, []int16{3, 0},
		},
		"full scale in both channels": {
			riff("fmt ", format(1, 2, 8000, 16), "data", "\xFF\x7F\xFF\x7F\x00\x80\x00\x80"), 8000, []int16{32767, -32768},
		},
		"unknown chunks, one of odd length": {
			riff("LIST", "odd", "fmt ", format(1, 1, 8000, 16), "junk", "", "data", "\x05\x00"), 8000, []int16{5},
		},
		"extensible": {
			riff("fmt ", format(0xFFFE, 1, 16000, 16)+"\x16\x00\x10\x00\x04\x00\x00\x00\x01\x00"+guid, "data", "\x05\x00"), 16000, []int16{5},
		},
		"breaks off within a sample": {
			riff("fmt ", format(1, 1, 8000, 16), "data", "\x05\x00\x06\x00")[:47], 8000, []int16{5},
		},
		"chunks behind the data": {
			riff("fmt ", format(7, 1, 8000, 8), "data", "\xFF\xFF", "LIST", "abcd"), 8000, []int16{0, 0},
		},
		"no samples": {
			riff("fmt ", format(1, 1, 8000, 16), "data", ""), 8000, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, rate, err := wav.Decode(bytes.NewReader(test.file))
			if err != nil || rate != test.rate {
				t.Fatalf("rate %d, %v", rate, err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	pcm := format(1, 1, 8000, 16)
	for name, test := range map[string]struct {
		file []byte
		want error
	}{
		"nothing":               {nil, io.ErrUnexpectedEOF},
		"half a header":         {[]byte("RIFF\x00\x00"), io.ErrUnexpectedEOF},
		"an MP3":                {[]byte("ID3\x04\x00\x00\x00\x00\x00\x00\x00\x00"), wav.ErrFormat},
		"no data":               {riff("fmt ", pcm), io.ErrUnexpectedEOF},
		"data first":            {riff("data", "\x00\x00", "fmt ", pcm), wav.ErrFormat},
		"a short format":        {riff("fmt ", pcm[:14], "data", ""), wav.ErrFormat},
		"a huge format":         {riff("fmt ", string(make([]byte, 5000)), "data", ""), wav.ErrFormat},
		"half a format":         {riff("fmt ", pcm)[:30], io.ErrUnexpectedEOF},
		"half a chunk":          {riff("LIST", "abcdef")[:22], io.ErrUnexpectedEOF},
		"24 bits":               {riff("fmt ", format(1, 1, 8000, 24), "data", ""), wav.ErrEncoding},
		"float":                 {riff("fmt ", format(3, 1, 8000, 32), "data", ""), wav.ErrEncoding},
		"extensible, too short": {riff("fmt ", format(0xFFFE, 1, 8000, 16), "data", ""), wav.ErrEncoding},
		"no channels":           {riff("fmt ", format(1, 0, 8000, 16), "data", ""), wav.ErrFormat},
		"too many channels":     {riff("fmt ", format(1, 9, 8000, 16), "data", ""), wav.ErrFormat},
		"no rate":               {riff("fmt ", format(1, 1, 0, 16), "data", ""), wav.ErrFormat},
		"a rate beyond reason":  {riff("fmt ", format(1, 1, 1<<31, 16), "data", ""), wav.ErrFormat},
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := wav.Decode(bytes.NewReader(test.file)); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

// endless is a stream that never stops.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestDecodeIsBounded(t *testing.T) {
	head := bytes.Replace(wav.Encode(nil, 8000), []byte("data\x00\x00\x00\x00"), []byte("data\xFF\xFF\xFF\xFF"), 1)
	if _, _, err := wav.Decode(io.MultiReader(bytes.NewReader(head), endless{})); !errors.Is(err, wav.ErrTooLarge) {
		t.Errorf("got %v, want ErrTooLarge", err)
	}
}

func TestReadErrorIsPassedOn(t *testing.T) {
	broken := errors.New("disk on fire")
	file := wav.Encode(make([]int16, 100), 8000)
	source := io.MultiReader(bytes.NewReader(file[:100]), iotest.ErrReader(broken))
	if _, _, err := wav.Decode(source); !errors.Is(err, broken) {
		t.Errorf("got %v, want the source's error", err)
	}
}

func TestReaderStreams(t *testing.T) {
	pcm := tone.Sine(440, 8000, time.Second, -10)
	r, err := wav.NewReader(bytes.NewReader(wav.Encode(pcm, 8000)))
	if err != nil || r.Rate() != 8000 {
		t.Fatalf("rate %d, %v", r.Rate(), err)
	}
	var got []int16
	frame := make([]int16, 160)
	for {
		n, err := r.Read(frame)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, frame[:n]...)
	}
	if diff := cmp.Diff(pcm, got); diff != "" {
		t.Error(diff)
	}
}

func TestNewWriterRefuses(t *testing.T) {
	if _, err := wav.NewWriter(&memory{}, 8000, 3); !errors.Is(err, wav.ErrEncoding) {
		t.Errorf("float: %v", err)
	}
	if _, err := wav.NewWriter(&memory{}, 0, wav.PCM16); !errors.Is(err, wav.ErrFormat) {
		t.Errorf("no rate: %v", err)
	}
}

func TestWriterDoesNotAllocate(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "out.wav"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	w, err := wav.NewWriter(file, 16000, wav.PCM16)
	if err != nil {
		t.Fatal(err)
	}
	frame := make([]int16, 320)
	if n := testing.AllocsPerRun(300, func() {
		if err := w.WriteSamples(frame); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(wav.Encode([]int16{1, 2, 3}, 8000))
	f.Add(riff("LIST", "odd", "fmt ", format(7, 2, 8000, 8), "data", "\xFF\xFF"))
	f.Fuzz(func(t *testing.T, data []byte) {
		pcm, rate, err := wav.Decode(bytes.NewReader(data))
		if err == nil && (rate < 1 || len(pcm) > len(data)) {
			t.Errorf("%d samples at %d Hz from %d bytes", len(pcm), rate, len(data))
		}
	})
}

// BenchmarkWriter writes one frame of 20 ms at 16 kHz.
func BenchmarkWriter(b *testing.B) {
	file, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	frame := make([]int16, 320)
	var w *wav.Writer
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%1e6 == 0 { // before the 4 GiB of a file are full
			if w, err = wav.NewWriter(file, 16000, wav.PCM16); err != nil {
				b.Fatal(err)
			}
		}
		if err := w.WriteSamples(frame); err != nil {
			b.Fatal(err)
		}
	}
}
