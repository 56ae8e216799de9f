package pgstore

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tidegate-io/tidegate/libs/es"
)

func unavailable(err error) error { return fmt.Errorf("%w: %w", es.ErrUnavailable, err) }

// fault sorts an error of a connection. One after which the connection is
// closed is a connection fault, whatever it was.
func fault(conn *pgx.Conn, err error) error {
	var refused *pgconn.PgError
	if !errors.As(err, &refused) {
		if conn.IsClosed() {
			return unavailable(err)
		}
		return err
	}
	switch refused.Code {
	case "23505", "40001", "40P01": // unique_violation, serialization_failure, deadlock_detected
		return fmt.Errorf("%w: %w", es.ErrConflict, err)
	case "55P03", "25P03", "25006": // lock_not_available, idle_in_transaction_session_timeout, read_only_sql_transaction
		return unavailable(err)
	}
	switch refused.Code[:2] {
	case "08", "53", "57", "58": // connection, resources, operator intervention, system
		return unavailable(err)
	}
	return err
}
