package sqlitestore

import (
	"encoding/json"
	"strings"

	"github.com/tidegate-io/tidegate/libs/es/internal/sqlstore"
)

var dialect = sqlstore.Dialect{
	Integer: "INTEGER", Text: "TEXT", Bytes: "BLOB",
	KeyOnly: " WITHOUT ROWID",
	Locate:  "instr",
	In: func(column, parameter string) string {
		return column + " IN (SELECT value FROM json_each(" + parameter + "))"
	},
	List: func(values []string) any {
		text, _ := json.Marshal(values) // strings always marshal
		return string(text)
	},
	NoTable: func(err error) bool { return strings.Contains(err.Error(), "no such table: ") },
}
