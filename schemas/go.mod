module github.com/trunkline-io/trunkline/schemas

go 1.26.0
