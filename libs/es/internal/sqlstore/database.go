// Package sqlstore is the store port on SQL, once for both databases: what an
// append does, how views and references are folded, how documents are found.
//
// sqlitestore and pgstore bring the Database: connections, transactions, the
// mapping of errors, and the few words in which the two dialects differ. This
// package opens no connection and knows no driver.
package sqlstore

import "context"

// Statement is one SQL statement with numbered parameters ($1, $2).
type Statement struct {
	SQL  string
	Args []any // int64, string, []byte, bool, or what Dialect.List makes
	// Row is called for each row that the statement answers.
	Row func(scan func(dest ...any) error) error
	// Done is called with the number of rows that the statement changed.
	Done func(changed int64) error
}

// Runner runs statements in order and stops at the first error, which may be
// one that a callback answered. Postgres sends them in one round trip, so no
// statement may depend on what a callback of the same run computes.
type Runner interface {
	Run(ctx context.Context, statements ...Statement) error
}

// Database is what an adapter brings. Its errors wrap es.ErrConflict (a unique
// violation, a deadlock) or es.ErrUnavailable (no connection, an unknown
// outcome) where they apply; errors of callbacks pass through as they are.
type Database interface {
	// Run reads, outside of any transaction.
	Runner
	// Transact runs f in a read-write transaction and commits, unless f answers
	// an error or panics.
	Transact(ctx context.Context, f func(tx Runner) error) error
	Close() error
}

// Dialect is where the two databases differ in words.
type Dialect struct {
	Integer, Text, Bytes string // column types: 64 bits, bytewise compared text, bytes
	KeyOnly              string // ends a CREATE TABLE whose key is the whole row
	Locate               string // function (text, part) that answers the place of part, or 0
	// In compares a column with a list parameter: In("key", "$1").
	In func(column, parameter string) string
	// List makes the argument of In.
	List func(values []string) any
	// NoTable tells the error of a table that does not exist.
	NoTable func(error) bool
}

// one makes a statement that changes exactly one row, or fails with missing.
func one(missing error, sql string, args ...any) Statement {
	return Statement{SQL: sql, Args: args, Done: func(changed int64) error {
		if changed != 1 {
			return missing
		}
		return nil
	}}
}

// bytes answers b, never nil: an empty value is not NULL.
func bytes(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
