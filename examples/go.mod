module github.com/trunkline-io/trunkline/examples

go 1.26.0

require (
	github.com/trunkline-io/trunkline/pkg v0.0.0
	github.com/trunkline-io/trunkline/schemas v0.0.0
)

replace github.com/trunkline-io/trunkline/schemas => ../schemas

replace github.com/trunkline-io/trunkline/pkg => ../pkg
