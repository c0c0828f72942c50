package store

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"reflect"

	"letterlock/bridge"
)

// How statements reach SQLite. They are prepared once for each connection and given to the driver itself: database/sql between them, with its
// locks, its copies and its reflection, was a tenth of all that a mail costs: that is a dozen short statements, one after the other.

// statement is a prepared statement of SQLite's driver, and the row that it is at.
type statement struct {
	driver interface {
		driver.Stmt
		driver.StmtExecContext
		driver.StmtQueryContext
	}
	args   []driver.NamedValue // empty but while the driver reads them
	values []driver.Value      // of the row
}

// statement returns the prepared form of a query.
func (c *conn) statement(dc any, query string) (*statement, error) {
	if s, ok := c.stmts[query]; ok {
		return s, nil
	}
	p, ok := dc.(driver.ConnPrepareContext)
	if !ok {
		return nil, fmt.Errorf("a connection of type %T", dc)
	}
	prepared, err := p.PrepareContext(background, c.query(query))
	if err != nil {
		return nil, fmt.Errorf("prepare %.60q: %w", query, err)
	}
	s := &statement{}
	if s.driver, ok = prepared.(interface {
		driver.Stmt
		driver.StmtExecContext
		driver.StmtQueryContext
	}); !ok {
		return nil, errors.Join(fmt.Errorf("a statement of type %T", prepared), prepared.Close())
	}
	c.stmts[query] = s
	return s, nil
}

func (c *conn) execPrepared(query string, args []any) (touched int64, err error) {
	err = c.c.Raw(func(dc any) error {
		s, err := c.statement(dc, query)
		if err != nil {
			return err
		}
		if err := s.give(args); err != nil {
			return err
		}
		res, err := s.driver.ExecContext(background, s.args)
		clear(s.args)
		if err != nil {
			return err
		}
		touched, err = res.RowsAffected()
		return err
	})
	return touched, err
}

// eachPrepared holds the driver's connection only while it works, so that fn may panic.
func (c *conn) eachPrepared(query string, args []any, fn func(row) error) (fault, failed error) {
	var s *statement
	var rows driver.Rows
	more := false
	fault = c.c.Raw(func(dc any) (err error) {
		if s, err = c.statement(dc, query); err != nil {
			return err
		}
		if rows, err = s.query(args); err != nil {
			return err
		}
		more, err = s.next(rows)
		return err
	})
	defer func() {
		if more {
			_ = c.c.Raw(func(any) error { return rows.Close() })
		}
	}()
	for more {
		if failed = fn(s); failed != nil {
			return nil, failed
		}
		fault = c.c.Raw(func(any) (err error) {
			more, err = s.next(rows)
			return err
		})
	}
	return fault, nil
}

func (s *statement) query(args []any) (driver.Rows, error) {
	if err := s.give(args); err != nil {
		return nil, err
	}
	rows, err := s.driver.QueryContext(background, s.args)
	clear(s.args)
	if err == nil && s.values == nil {
		s.values = make([]driver.Value, len(rows.Columns()))
	}
	return rows, err
}

// next goes to the next row. Where there is none it closes rows.
func (s *statement) next(rows driver.Rows) (bool, error) {
	err := rows.Next(s.values)
	if err == nil {
		return true, nil
	}
	clear(s.values)
	_ = rows.Close() // it has the same to tell
	if err == io.EOF {
		err = nil
	}
	return false, err
}

// give prepares arguments as database/sql does.
func (s *statement) give(args []any) error {
	if cap(s.args) < len(args) {
		s.args = make([]driver.NamedValue, len(args))
	}
	s.args = s.args[:len(args)]
	for i, a := range args {
		v, err := plainValue(a)
		if err != nil {
			return fmt.Errorf("argument %d: %w", i+1, err)
		}
		s.args[i] = driver.NamedValue{Ordinal: i + 1, Value: v}
	}
	return nil
}

// plainValue returns an argument as drivers take it.
func plainValue(a any) (driver.Value, error) {
	switch v := a.(type) {
	case nil, int64, string, []byte, bool:
		return v, nil
	case int:
		return int64(v), nil
	case bridge.ID:
		return v.Value()
	}
	return driver.DefaultParameterConverter.ConvertValue(a)
}

// Scan implements row.
func (s *statement) Scan(dest ...any) error {
	if len(dest) != len(s.values) {
		return fmt.Errorf("a row of %d columns is read into %d values", len(s.values), len(dest))
	}
	for i, d := range dest {
		if err := assign(d, s.values[i]); err != nil {
			return fmt.Errorf("column %d: %w", i+1, err)
		}
	}
	return nil
}

// assign puts what the driver read into what a caller wants, as database/sql does with the types that are used here. Octets are handed
// over without a copy: the driver makes new ones for each row.
func assign(to any, v driver.Value) error {
	switch d := to.(type) {
	case sql.Scanner:
		return d.Scan(v)
	case *any:
		*d = v
		return nil
	case *[]byte:
		switch v := v.(type) {
		case nil:
			*d = nil
			return nil
		case []byte:
			*d = v
			return nil
		case string:
			*d = []byte(v)
			return nil
		}
	case *string:
		if v, ok := v.(string); ok {
			*d = v
			return nil
		}
	case *int:
		if v, ok := v.(int64); ok {
			*d = int(v)
			return nil
		}
	case *int64:
		if v, ok := v.(int64); ok {
			*d = v
			return nil
		}
	}
	return assignKind(to, v)
}

// assignKind does the same for types of ours.
func assignKind(to any, v driver.Value) error {
	p := reflect.ValueOf(to)
	if p.Kind() != reflect.Pointer || p.IsNil() {
		return fmt.Errorf("a value of type %T can't be read into", to)
	}
	d := p.Elem()
	switch d.Kind() {
	case reflect.String:
		switch v := v.(type) {
		case string:
			d.SetString(v)
			return nil
		case []byte:
			d.SetString(string(v))
			return nil
		}
	case reflect.Bool:
		if v == nil {
			break
		}
		b, err := driver.Bool.ConvertValue(v)
		if err != nil {
			return err
		}
		d.SetBool(b.(bool))
		return nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if n, ok := v.(int64); ok && !d.OverflowInt(n) {
			d.SetInt(n)
			return nil
		}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if n, ok := v.(int64); ok && n >= 0 && !d.OverflowUint(uint64(n)) {
			d.SetUint(uint64(n))
			return nil
		}
	}
	return fmt.Errorf("a database value of type %T is read into a %s", v, d.Type())
}
