module github.com/trunkline-io/trunkline/services/registry

go 1.26.0

require (
	github.com/trunkline-io/trunkline/pkg v0.0.0
	github.com/trunkline-io/trunkline/schemas v0.0.0
)

require (
	github.com/google/go-cmp v0.7.0 // indirect
	github.com/sirupsen/logrus v1.10.2 // indirect
	golang.org/x/sync v0.25.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
)

replace github.com/trunkline-io/trunkline/schemas => ../../schemas

replace github.com/trunkline-io/trunkline/pkg => ../../pkg
