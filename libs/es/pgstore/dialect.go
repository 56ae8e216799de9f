package pgstore

import (
	"errors"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tidegate-io/tidegate/libs/es/internal/sqlstore"
)

var dialect = sqlstore.Dialect{
	Integer: "BIGINT", Text: `TEXT COLLATE "C"`, Bytes: "BYTEA",
	Locate: "strpos",
	In:     func(column, parameter string) string { return column + " = ANY(" + parameter + ")" },
	List: func(values []string) any {
		cleaned := make([]string, len(values))
		for i, v := range values {
			cleaned[i] = clean(v)
		}
		return cleaned
	},
	NoTable: func(err error) bool {
		var refused *pgconn.PgError
		return errors.As(err, &refused) && refused.Code == "42P01"
	},
}
