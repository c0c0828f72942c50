package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"letterlock/bridge"
	"letterlock/store"
	"letterlock/store/blob"
	"letterlock/store/seal"
)

// kept is the stored data, opened, with the gateway over it.
type kept struct {
	keys    *seal.Keyring
	db      *store.DB
	gateway *bridge.Gateway
	bucket  *blob.Bucket // nil where files are in the data folder
	out     *wayOut      // to be filled in by whoever sends mail
}

// openKept opens the database and the files in the data folder with the keys of the key file. The folder must be there: a gateway that
// made an empty one because a disk was not mounted would seem to have lost everything. The caller closes db.
func openKept(ctx context.Context, c Config, log *slog.Logger, now func() time.Time) (*kept, error) {
	keys, err := c.keys(ctx)
	if err != nil {
		return nil, c.noKeys(err, "set key_file, or make one with \"letterlock init\"")
	}
	info, err := os.Stat(c.Data)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no data folder %s: set data, or make one with \"letterlock init\"", c.Data)
	case err != nil:
		return nil, fmt.Errorf("open the data folder: %w", err)
	case !info.IsDir():
		return nil, fmt.Errorf("the data folder %s is not a folder", c.Data)
	}
	where := store.Config{Path: filepath.Join(c.Data, databaseName), DSN: c.Database, Blobs: filepath.Join(c.Data, filesName), Keys: keys, NoSearch: !c.Search}
	bucket, err := c.Blobs.shelf(ctx)
	if err != nil {
		return nil, err
	}
	if bucket != nil {
		where.Shelf = bucket
	}
	db, err := store.Open(ctx, where)
	if err != nil {
		return nil, err
	}
	out := &wayOut{}
	rules := bridge.Config{
		Store: db, Keyring: keys, Domain: c.Domain, BaseURL: c.BaseURL, Organization: c.Organization, Inbox: c.Inbox, NoSearch: !c.Search,
		MaxText: int(c.Message.MaxText), MaxFiles: int64(c.Message.MaxFiles), Pace: c.Message.Pace, Bell: db, Now: now, Log: log,
		CopiesNeed: bridge.Need(c.CopiesNeed), Paths: out,
	}
	rules.Timing, rules.LookTime = c.Notices.timing(), c.Notices.lookTime
	if err := c.fileRules(&rules); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	g, err := bridge.New(rules)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &kept{keys: keys, db: db, gateway: g, bucket: bucket, out: out}, nil
}

// withGateway runs one command of the operator's on the stored data, beside a gateway that may be running: the database lets
// several processes in.
func withGateway(ctx context.Context, general General, fn func(*bridge.Gateway) error) error {
	if err := general.complete(); err != nil {
		return usageError{err}
	}
	k, err := openKept(ctx, Config{General: general}, slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		return err
	}
	err = fn(k.gateway)
	if closing := k.db.Close(); err == nil && closing != nil {
		err = fmt.Errorf("close the database: %w", closing)
	}
	return err
}
