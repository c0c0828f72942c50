package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"
)

// Migrations go forward only and are never edited once landed.
//
//go:embed migrations
var migrations embed.FS

// migrate brings the schema of a database to this program's version.
func migrate(ctx context.Context, db *sql.DB, dialect goose.Dialect, folder string) error {
	files, err := fs.Sub(migrations, "migrations/"+folder)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	p, err := goose.NewProvider(dialect, db, files, goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	// Another process may be doing the same: SQLite lets one of them win each step, and the other finds it done.
	for attempt := 1; ; attempt++ {
		if _, err = p.Up(ctx); err == nil {
			break
		}
		if attempt == 20 || ctx.Err() != nil {
			return fmt.Errorf("migrate: %w", err)
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
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
