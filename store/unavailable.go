package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/jackc/pgx/v5/pgconn"

	"letterlock/bridge"
)

// What errors mean, on both engines. PostgreSQL's are told apart by SQLSTATE (its manual, appendix A).

// unavailable marks the errors after which the same may be tried again.
func unavailable(err error) error {
	if err == nil || errors.Is(err, bridge.ErrUnavailable) || !sqliteUnavailable(err) && !postgresUnavailable(err) {
		return err
	}
	return fmt.Errorf("%w (%w)", err, bridge.ErrUnavailable)
}

// postgresUnavailable reports whether an error is about this moment and not about what was asked.
func postgresUnavailable(err error) bool {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return disconnected(err)
	}
	switch e.Code[:min(2, len(e.Code))] {
	case "08", "40", "53", "58": // connection, transaction rollback, insufficient resources, system error
		return true
	case "57": // operator intervention, but for a database that was dropped
		return e.Code != "57P04"
	}
	switch e.Code {
	case "55P03", // a lock was not to be had in time
		"25006",          // read-only: the server became a standby
		"25P03", "25P04", // a transaction that took too long
		"0A000", "26000": // a prepared statement that the schema or a pooler has outlived
		return true
	}
	return false
}

// disconnected reports whether an error is that of a connection that was lost or never came about.
func disconnected(err error) bool {
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connect) || errors.As(err, &network) && !errors.Is(err, context.Canceled) || pgconn.SafeToRetry(err) ||
		errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// worthTrying says how often a transaction may be tried in which a statement failed like this, before it gives up.
func worthTrying(err error) int {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		if err != nil && disconnected(err) {
			return fewTries // nothing was committed
		}
		return 0
	}
	switch e.Code {
	case "40001", "40P01": // it met another; it was the one to be undone in a deadlock
		return maxTries
	case "23505", "23503": // another put or removed the row meanwhile: the next try sees that, and answers
		return fewTries
	case "0A000", "26000", "57P01", "57P02", "57P03", "08006": // another connection may do, and nothing was committed on this one
		return fewTries
	}
	return 0
}

// worthTryingCommit is worthTrying for a commit: where its answer was lost nobody knows whether it was kept, so it is not tried again.
func worthTryingCommit(err error) int {
	var e *pgconn.PgError
	if errors.As(err, &e) && (e.Code == "40001" || e.Code == "40P01") {
		return maxTries
	}
	return 0
}
