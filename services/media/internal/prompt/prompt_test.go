package prompt_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/trunkline-io/trunkline/pkg/audio"
	"github.com/trunkline-io/trunkline/pkg/audio/tone"
	"github.com/trunkline-io/trunkline/pkg/audio/wav"
	"github.com/trunkline-io/trunkline/services/media/internal/prompt"
)

// folder makes a prompt folder: hello.wav (1 s at 16 kHz), beep.wav (100 ms at
// 8 kHz), music.mp3 and two broken files.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	mp3, err := os.ReadFile("testdata/tone.mp3")
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"hello.wav":  wav.Encode(tone.Sine(440, 16000, time.Second, -10), 16000),
		"beep.wav":   wav.Encode(tone.Sine(1000, 8000, 100*time.Millisecond, -10), 8000),
		"music.mp3":  mp3,
		"broken.wav": []byte("this is no WAV file"),
		"cut.mp3":    mp3[:40],
		"notes.txt":  []byte("not a prompt"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func open(t *testing.T, dir string) (*prompt.Library, *bytes.Buffer) {
	t.Helper()
	var lines bytes.Buffer
	log := logrus.New()
	log.SetOutput(&lines)
	l, err := prompt.Open(dir, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l, &lines
}

func TestPromptAtEveryRate(t *testing.T) {
	l, _ := open(t, folder(t))
	for _, rate := range []int{8000, 16000, 24000, 48000} {
		pcm, err := l.Prompt("hello", rate)
		if err != nil {
			t.Fatal(err)
		}
		if len(pcm) != rate {
			t.Errorf("%d samples at %d Hz, want one second", len(pcm), rate)
		}
		if level := audio.Level(pcm); level < -10.5 || level > -9.5 {
			t.Errorf("level at %d Hz is %.1f dBFS, want -10", rate, level)
		}
	}
	music, err := l.Prompt("music", 8000)
	if err != nil {
		t.Fatal(err)
	}
	if d := audio.Duration(len(music), 8000); d < 900*time.Millisecond || d > 1200*time.Millisecond {
		t.Errorf("the MP3 lasts %s, want a second", d)
	}
}

func TestCallsShareSamples(t *testing.T) {
	l, _ := open(t, folder(t))
	const calls = 16
	got := make([][]int16, calls)
	var wg sync.WaitGroup
	for i := range calls {
		wg.Go(func() { got[i], _ = l.Prompt("music", 16000) })
	}
	wg.Wait()
	for i := range got {
		if len(got[i]) == 0 || &got[i][0] != &got[0][0] {
			t.Fatalf("call %d has samples of its own", i)
		}
	}
}

func TestLoopIsSeamless(t *testing.T) {
	l, _ := open(t, folder(t))
	whole, err := l.Prompt("hello", 8000)
	if err != nil {
		t.Fatal(err)
	}
	loop, err := l.Loop("hello", 8000)
	if err != nil {
		t.Fatal(err)
	}
	if fade := len(whole) - len(loop); fade != 1600 {
		t.Errorf("the loop is shorter by %d samples, want a cross-fade of 200 ms", fade)
	}
}

func TestBrokenFilesAreToldOfOnce(t *testing.T) {
	l, lines := open(t, folder(t))
	l.Warm(t.Context())
	for range 3 {
		for _, name := range []string{"broken", "cut"} {
			if _, err := l.Prompt(name, 8000); err == nil || errors.Is(err, prompt.ErrNotFound) {
				t.Errorf("prompt %s: %v, want what is wrong with it", name, err)
			}
		}
	}
	for _, file := range []string{"broken.wav", "cut.mp3"} {
		if n := strings.Count(lines.String(), file); n != 1 {
			t.Errorf("the log tells %d times of %s, want once:\n%s", n, file, lines)
		}
	}
	if _, err := l.Prompt("hello", 8000); err != nil {
		t.Errorf("a good prompt beside them: %v", err)
	}
}

func TestMissingPromptMayComeLater(t *testing.T) {
	dir := folder(t)
	l, _ := open(t, dir)
	for _, name := range []string{"later", "", "notes", "../" + filepath.Base(dir) + "/hello", "/etc/passwd"} {
		if _, err := l.Prompt(name, 8000); !errors.Is(err, prompt.ErrNotFound) {
			t.Errorf("prompt %q: %v, want ErrNotFound", name, err)
		}
	}
	if err := os.Rename(filepath.Join(dir, "hello.wav"), filepath.Join(dir, "later.wav")); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Prompt("later", 8000); err != nil {
		t.Errorf("after it was added: %v", err)
	}
}

func TestNoFolder(t *testing.T) {
	l, _ := open(t, "")
	l.Warm(t.Context())
	if _, err := l.Prompt("hello", 8000); !errors.Is(err, prompt.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
	if _, err := prompt.Open(filepath.Join(t.TempDir(), "nowhere"), logrus.New()); err == nil {
		t.Error("a folder that does not exist was opened")
	}
}
