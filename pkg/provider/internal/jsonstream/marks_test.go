package jsonstream

import (
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/trunkline-io/trunkline/pkg/media"
)

func TestMarksTellWhatAClearDropped(t *testing.T) {
	var m Marks
	m.Set("a")
	m.Set("b")
	m.Set("b")
	m.Clear()
	m.Set("c")
	var got []media.Event
	for _, name := range []string{"b", "c", "a", "b", "b", "nobody's"} {
		got = append(got, m.Returned(name))
	}
	want := []media.Event{
		{Kind: media.EventMark, Name: "b", Cleared: true},
		{Kind: media.EventMark, Name: "c"},
		{Kind: media.EventMark, Name: "a", Cleared: true},
		{Kind: media.EventMark, Name: "b", Cleared: true},
		{Kind: media.EventMark, Name: "b"},
		{Kind: media.EventMark, Name: "nobody's"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestMarksAreBounded(t *testing.T) {
	var m Marks
	for i := range 3 * maxMarks {
		m.Set(strconv.Itoa(i))
		if i == maxMarks {
			m.Clear()
		}
	}
	if len(m.names) != maxMarks || m.cleared != 0 {
		t.Errorf("%d marks, %d of them cleared; want %d, none cleared", len(m.names), m.cleared, maxMarks)
	}
}
