package store

import (
	"strings"

	"github.com/jmoiron/sqlx"
)

// engine is a kind of database. What is said to both is the same SQL; its methods are where that must differ.
type engine int

const (
	sqliteEngine   engine = iota // one writer at a time; see group
	postgresEngine               // writers side by side; see postgres
)

// bind is how sqlx writes placeholders.
func (e engine) bind() int {
	if e == postgresEngine {
		return sqlx.DOLLAR
	}
	return sqlx.QUESTION
}

// dialect writes a query as the engine runs it best. SQLite makes the plan of a query anew each time a bare parameter is bound as its
// limit, since the plan may depend on it; of an expression it makes one plan for good.
func (e engine) dialect(query string) string {
	if e == sqliteEngine {
		return strings.ReplaceAll(query, "limit ?", "limit ? + 0")
	}
	return query
}

// skipLocked ends the query that picks what a worker claims. Where one writes at a time nothing is ever locked.
func (e engine) skipLocked() string {
	if e == postgresEngine {
		return " for update skip locked"
	}
	return ""
}

// clock is the database's own time in microseconds since 1970: for what several machines must agree on.
func (e engine) clock() string {
	if e == postgresEngine {
		return "(extract(epoch from clock_timestamp()) * 1000000)::bigint"
	}
	return "cast(unixepoch('subsec') * 1000000 as integer)"
}
