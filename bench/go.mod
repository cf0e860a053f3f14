module github.com/trunkline-io/trunkline/bench

go 1.26.0

require (
	github.com/trunkline-io/trunkline/pkg v0.0.0
	github.com/trunkline-io/trunkline/schemas v0.0.0
	github.com/trunkline-io/trunkline/services/callctl v0.0.0
	github.com/trunkline-io/trunkline/services/ingress v0.0.0
	github.com/trunkline-io/trunkline/services/media v0.0.0
	github.com/trunkline-io/trunkline/services/registry v0.0.0
)

replace github.com/trunkline-io/trunkline/schemas => ../schemas

replace github.com/trunkline-io/trunkline/pkg => ../pkg

replace github.com/trunkline-io/trunkline/services/ingress => ../services/ingress

replace github.com/trunkline-io/trunkline/services/media => ../services/media

replace github.com/trunkline-io/trunkline/services/callctl => ../services/callctl

replace github.com/trunkline-io/trunkline/services/registry => ../services/registry
