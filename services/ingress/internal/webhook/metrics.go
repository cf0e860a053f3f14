package webhook

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	webhooks  *prometheus.CounterVec   // provider, hook, outcome
	seconds   *prometheus.HistogramVec // provider
	fallbacks *prometheus.CounterVec   // reason
	offers    *prometheus.CounterVec   // outcome
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		webhooks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "trunkline_ingress_webhooks_total", Help: "Webhooks by provider, hook and what came of them.",
		}, []string{"provider", "hook", "outcome"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "trunkline_ingress_webhook_seconds", Help: "Time from a webhook to its answer.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2, 5},
		}, []string{"provider"}),
		fallbacks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "trunkline_ingress_fallbacks_total", Help: "Callers who got a fallback instruction, by reason.",
		}, []string{"reason"}),
		offers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "trunkline_ingress_offers_total", Help: "Offers of a call to agents, by what came of them.",
		}, []string{"outcome"}),
	}
	reg.MustRegister(m.webhooks, m.seconds, m.fallbacks, m.offers)
	return m
}

func (m *metrics) observe(w *webhook, took time.Duration) {
	name := "unknown" // what an unproven path says is no label
	if w.line != nil {
		name = w.line.Provider
	}
	m.webhooks.WithLabelValues(name, string(w.path.Hook), w.outcome).Inc()
	m.seconds.WithLabelValues(name).Observe(took.Seconds())
}
