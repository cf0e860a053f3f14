package ledger

import "github.com/prometheus/client_golang/prometheus"

// Metrics counts what callctl does.
type Metrics struct {
	Dials   *prometheus.CounterVec // by provider and outcome: ok, or the kind of error
	Ends    *prometheus.CounterVec // calls that callctl ended, by status and cause
	Refused *prometheus.CounterVec // orders, by command and code
	Waits   prometheus.Counter     // orders that the dial budget held back
	Live    prometheus.Gauge       // calls in progress, of all trunks
}

// NewMetrics makes the metrics and registers them.
func NewMetrics(to prometheus.Registerer) *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "trunkline_callctl_" + name, Help: help}, labels)
	}
	m := &Metrics{
		Dials:   counter("dials_total", "Dials written to carriers, by outcome.", "provider", "outcome"),
		Ends:    counter("ends_total", "Calls whose end callctl recorded.", "status", "cause"),
		Refused: counter("refused_total", "Orders that were refused.", "command", "code"),
		Waits:   prometheus.NewCounter(prometheus.CounterOpts{Name: "trunkline_callctl_budget_waits_total", Help: "Orders that the dial budget held back."}),
		Live:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "trunkline_callctl_live_calls", Help: "Calls in progress, of all trunks and nodes."}),
	}
	to.MustRegister(m.Dials, m.Ends, m.Refused, m.Waits, m.Live)
	return m
}
