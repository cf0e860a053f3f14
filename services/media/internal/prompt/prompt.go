// Package prompt keeps the recordings that a media node plays: greetings,
// prompts and ambient loops, from a folder of MP3 and WAV files. A file is
// decoded once and resampled once per rate; all calls share the samples.
package prompt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/trunkline-io/trunkline/pkg/audio"
	"github.com/trunkline-io/trunkline/pkg/audio/mix"
	"github.com/trunkline-io/trunkline/pkg/audio/mp3"
	"github.com/trunkline-io/trunkline/pkg/audio/resample"
	"github.com/trunkline-io/trunkline/pkg/audio/wav"
)

// ErrNotFound is for a prompt that the folder does not hold.
var ErrNotFound = errors.New("there is no such prompt")

// crossFade is how long the end of a loop fades over into its beginning.
const crossFade = 200 * time.Millisecond

// decoders by the endings of file names; of two files with one name the first
// counts.
var decoders = []struct {
	ending string
	decode func(io.Reader) (pcm []int16, rate int, err error)
}{
	{".wav", wav.Decode},
	{".mp3", mp3.Decode},
}

// Library is a folder of recordings. It is safe for concurrent use. The samples
// it gives are shared and must not be written to.
type Library struct {
	root *os.Root // nil where there is no folder
	log  *logrus.Logger

	mu    sync.Mutex
	files map[string]*file
}

// recording is what a file holds.
type recording struct {
	pcm  []int16
	rate int // Hz
}

// file is a file that was found. A broken one keeps its error.
type file struct {
	decode func() (recording, error)

	mu   sync.Mutex
	cuts map[cut][]int16
}

// cut is a form in which a recording is needed.
type cut struct {
	rate int
	loop bool
}

// Open opens a folder; "" is a library without recordings.
func Open(folder string, log *logrus.Logger) (*Library, error) {
	l := &Library{log: log, files: map[string]*file{}}
	if folder == "" {
		return l, nil
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, fmt.Errorf("prompt folder: %w", err)
	}
	l.root = root
	return l, nil
}

// Close closes the folder. Samples already given stay good.
func (l *Library) Close() error {
	if l.root == nil {
		return nil
	}
	return l.root.Close()
}

// Warm decodes everything in the folder, so that no call has to wait for it and
// a broken file is told of at the start. It stops early when ctx ends.
func (l *Library) Warm(ctx context.Context) {
	if l.root == nil {
		return
	}
	entries, err := fs.ReadDir(l.root.FS(), ".")
	if err != nil {
		l.log.WithError(err).Error("prompt folder cannot be read")
		return
	}
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), path.Ext(e.Name()))
		if ctx.Err() != nil {
			return
		}
		if f, err := l.find(name); err == nil && !e.IsDir() {
			_, _ = f.decode()
		}
	}
}

// Prompt returns a recording at a rate in Hz. name is the file's without its
// ending.
func (l *Library) Prompt(name string, rate int) ([]int16, error) {
	return l.get(name, cut{rate: rate})
}

// Loop returns a recording at a rate in Hz that can be repeated without a click.
func (l *Library) Loop(name string, rate int) ([]int16, error) {
	return l.get(name, cut{rate: rate, loop: true})
}

func (l *Library) get(name string, c cut) ([]int16, error) {
	f, err := l.find(name)
	if err != nil {
		return nil, fmt.Errorf("prompt %q: %w", name, err)
	}
	pcm, err := f.get(c)
	if err != nil {
		return nil, fmt.Errorf("prompt %q: %w", name, err)
	}
	return pcm, nil
}

// find returns the file of a name. A name that has none is looked for again
// next time: a file may be added while the node runs.
func (l *Library) find(name string) (*file, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if f, ok := l.files[name]; ok {
		return f, nil
	}
	if l.root == nil || name == "" {
		return nil, ErrNotFound
	}
	for _, d := range decoders {
		full := name + d.ending
		if info, err := l.root.Stat(full); err != nil || !info.Mode().IsRegular() {
			continue
		}
		f := &file{cuts: map[cut][]int16{}}
		f.decode = sync.OnceValues(func() (recording, error) { return l.load(full, d.decode) })
		l.files[name] = f
		return f, nil
	}
	return nil, ErrNotFound
}

// load decodes a file and tells the log how that went.
func (l *Library) load(name string, decode func(io.Reader) ([]int16, int, error)) (recording, error) {
	entry := l.log.WithField("file", name)
	r, err := l.read(name, decode)
	if err != nil {
		entry.WithError(err).Error("prompt cannot be used")
		return r, err
	}
	entry.WithField("seconds", audio.Duration(len(r.pcm), r.rate).Seconds()).Info("prompt is ready")
	return r, nil
}

// read decodes a file. A decoder's panic is the file's fault, not the node's.
func (l *Library) read(name string, decode func(io.Reader) ([]int16, int, error)) (r recording, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the decoder panicked: %v", p)
		}
	}()
	f, err := l.root.Open(name)
	if err != nil {
		return r, err
	}
	defer func() { _ = f.Close() }()
	r.pcm, r.rate, err = decode(f)
	if err == nil && len(r.pcm) == 0 {
		err = errors.New("holds no audio")
	}
	return r, err
}

func (f *file) get(c cut) ([]int16, error) {
	r, err := f.decode()
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if done, ok := f.cuts[c]; ok {
		return done, nil
	}
	pcm := r.pcm
	if r.rate != c.rate {
		if pcm, err = resample.All(pcm, r.rate, c.rate); err != nil {
			return nil, err
		}
	}
	if c.loop {
		pcm = mix.Seamless(pcm, audio.Samples(crossFade, c.rate))
	}
	f.cuts[c] = pcm
	return pcm, nil
}
