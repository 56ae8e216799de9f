// Package schema embeds the JSON Schemas (2020-12) of every event payload, one
// file a type and schema number: "consumer.registered.v1.json". They and
// asyncapi.yaml are generated from the Go types by this package's test with
// -update; a schema that was once published is never removed.
package schema

import "embed"

// Files holds the schemas.
//
//go:embed *.json
var Files embed.FS
