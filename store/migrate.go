package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strings"
	"time"

	"github.com/pressly/goose/v3"

	"letterlock/bridge"
)

// Migrations go forward only and are never edited once landed.
//
//go:embed migrations
var migrations embed.FS

// migrate brings the schema of a database to this program's version.
func migrate(ctx context.Context, db *sql.DB, dialect goose.Dialect, folder string, more ...goose.ProviderOption) error {
	return migrateTo(ctx, db, dialect, folder, math.MaxInt64, more...)
}

// migrateTo is migrate up to a version, for rows that were written down under it.
func migrateTo(ctx context.Context, db *sql.DB, dialect goose.Dialect, folder string, version int64, more ...goose.ProviderOption) error {
	files, err := fs.Sub(migrations, "migrations/"+folder)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	more = append(more, goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	p, err := goose.NewProvider(dialect, db, files, more...)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	// Another process may be doing the same: one of them wins each step, and the other finds it done when it looks again.
	for attempt := 1; ; attempt++ {
		if _, err = p.UpTo(ctx, version); err == nil {
			break
		}
		if attempt == 20 || !contended(err) {
			return fmt.Errorf("migrate: %w", err)
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("migrate: %w", ctx.Err())
		}
	}
	have, known, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	if have > known {
		return fmt.Errorf("migrate: the database has schema %d, made by a newer version of this program, which knows %d: %w", have, known, errNewer)
	}
	return nil
}

var errNewer = errors.New("install the newer version")

// knownSchema returns an error if a version of the schema is none that this program can make.
func knownSchema(version int64) error {
	files, err := fs.ReadDir(migrations, "migrations/sqlite")
	if err != nil {
		return err
	}
	newest := int64(0)
	for _, f := range files {
		n, err := goose.NumericComponent(f.Name())
		if err != nil {
			return err
		}
		newest = max(newest, n)
	}
	switch {
	case version > newest:
		return fmt.Errorf("the backup has schema %d, made by a newer version of this program, which knows %d: %w", version, newest, errNewer)
	case version < 1:
		return fmt.Errorf("the backup has schema %d, which there never was", version)
	}
	return nil
}

// contended reports whether somebody else's migration may be what was in the way.
func contended(err error) bool {
	return errors.Is(unavailable(err), bridge.ErrUnavailable) || strings.Contains(err.Error(), "already exists") ||
		strings.Contains(err.Error(), "duplicate column name") ||
		strings.Contains(err.Error(), "UNIQUE constraint")
}
