package session

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// warning is a kind of what goes wrong without ending a stream.
type warning string

const (
	warnCodec    warning = "codec"    // the carrier said what cannot be understood
	warnCommand  warning = "command"  // the carrier cannot be told something now
	warnDigits   warning = "digits"   // the carrier takes no keys
	warnControl  warning = "control"  // the agent ordered what cannot be understood
	warnOverflow warning = "overflow" // the agent said more than is kept
	warnPrompt   warning = "prompt"   // a prompt cannot be played
	warnAgent    warning = "agent"    // the agent cannot be told something now
	warnLog      warning = "log"      // a digit, an order for keys or a heartbeat was not kept
)

// Metrics of a node's sessions.
type Metrics struct {
	sessions            prometheus.Gauge
	started, stopped    *prometheus.CounterVec
	framesIn, framesOut prometheus.Counter
	warnings            *prometheus.CounterVec
	lead, queue         prometheus.Histogram
}

// NewMetrics registers the metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	frames := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "trunkline_media_frames_total", Help: "Pieces of audio received from and frames sent to carriers.",
	}, []string{"direction"})
	m := &Metrics{
		sessions: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "trunkline_media_sessions", Help: "Sockets of carriers that are being served.",
		}),
		started: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "trunkline_media_streams_started_total", Help: "Streams that were connected with their agent.",
		}, []string{"provider"}),
		stopped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "trunkline_media_streams_stopped_total", Help: "Streams that are over, by reason; refused ones never started.",
		}, []string{"reason"}),
		framesIn: frames.WithLabelValues("in"), framesOut: frames.WithLabelValues("out"),
		warnings: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "trunkline_media_warnings_total", Help: "What went wrong without ending a stream, by kind.",
		}, []string{"kind"}),
		lead: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "trunkline_media_lead_seconds", Help: "How far carriers are ahead of their playing.",
			Buckets: []float64{0, .02, .04, .06, .08, .1, .12, .2, .5},
		}),
		queue: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "trunkline_media_queue_seconds", Help: "Speech of agents that waits to be sent.",
			Buckets: []float64{0, .02, .1, .5, 1, 2, 5, 10, 30, 60},
		}),
	}
	r.MustRegister(m.sessions, m.started, m.stopped, frames, m.warnings, m.lead, m.queue)
	return m
}

// observe takes note of a pump that has just done its step.
func (m *Metrics) observe(p *agentPump) {
	queued, _ := p.queue.queued()
	m.lead.Observe(time.Duration(p.ahead.Load()).Seconds())
	m.queue.Observe(queued.Seconds())
}
