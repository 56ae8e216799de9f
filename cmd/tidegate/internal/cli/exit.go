package cli

import (
	"errors"
	"fmt"
	"net/http"
)

// The exit codes of the contract.
const (
	exitFine       = 0
	exitFailed     = 1
	exitUsage      = 2
	exitNotFound   = 3
	exitNotAllowed = 4
	exitConflict   = 5
)

// usageError is a command that was not understood.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// exitCode answers how the program ends after an error.
func exitCode(err error) int {
	var (
		misused usageError
		refused *problem
	)
	switch {
	case err == nil:
		return exitFine
	case errors.As(err, &misused):
		return exitUsage
	case errors.As(err, &refused):
		return refused.exitCode()
	}
	return exitFailed
}

func (p *problem) exitCode() int {
	switch p.Status {
	case http.StatusNotFound:
		return exitNotFound
	case http.StatusUnauthorized, http.StatusForbidden:
		return exitNotAllowed
	case http.StatusConflict, http.StatusPreconditionFailed:
		return exitConflict
	}
	return exitFailed
}
