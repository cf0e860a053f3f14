// Package schemas is the contract of Trunkline in a form that needs no Go:
// JSON Schemas (2020-12) of every fact, order and media message, a form schema
// of each provider, and the AsyncAPI and OpenAPI documents that say where they
// travel. The files are embedded, so that a program and its tests read the
// same ones.
package schemas

import "embed"

// Base is the address under which the schemas are published. The $id of a
// schema is Base, its name and ".json".
const Base = "https://schemas.trunkline.io/"

// FS holds asyncapi.yaml, openapi.yaml and one folder per kind of schema.
//
//go:embed *.yaml */*.json
var FS embed.FS

// Load returns a schema by its name, such as "event/call.answered".
func Load(name string) ([]byte, error) { return FS.ReadFile(name + ".json") }
