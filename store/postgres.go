package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/jmoiron/sqlx"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"letterlock/store/seal"
)

// postgres runs transactions on PostgreSQL, or on what speaks its protocol and keeps its promises.
//
// Writers run side by side, in this process and in others, each on one state of the database (repeatable read): two that change
// the same row meet, and the later one starts again on the new state. What a uniqueness forbids is met in the same way. Two that
// only read what the other changes do not meet; where that matters, guard makes them.
//
// Serializable would need no guards, but its locks cover whole pages of an index, where ids that sort by time put all that is
// going on at the moment: nearly every pair of writers would then be in each other's way.
type postgres struct {
	config  *pgx.ConnConfig // for what listens, as long as it may take
	patient *pgx.ConnConfig // for statements; see patientConn
	db      *sqlx.DB
	keys    *seal.Keyring
	writers chan *conn // those not in use; nil stands for one that is not open yet
	readers chan *conn
	line    chan struct{} // held by a transaction that met others too often
	done    chan struct{} // closed when nothing may begin any more
	bell    bell

	transactions, commits atomic.Uint64
}

const (
	beginUpdate   = "begin isolation level repeatable read"
	beginView     = "begin isolation level repeatable read, read only"
	beginLatest   = "begin isolation level read committed" // see latest
	postgresConns = 24                                     // for one process, unless the DSN says otherwise: a server allows 100 by default

	maxTries  = 60                     // of one transaction that keeps meeting others
	maxPause  = 100 * time.Millisecond // between two of them
	fewTries  = 3                      // after errors that the next try may, but need not, turn into an answer
	tiredFrom = 2                      // tries, after which others of this process that met too often stand in line
)

// postgresConfig reads a DSN. Its errors do not show the password.
func postgresConfig(dsn string) (*pgx.ConnConfig, int, error) {
	if !strings.HasPrefix(dsn, "postgres://") && !strings.HasPrefix(dsn, "postgresql://") {
		return nil, 0, errors.New("the database must be named as postgres://USER@HOST/NAME")
	}
	conns := postgresConns
	if u, err := url.Parse(dsn); err == nil && u.Query().Has("pool_max_conns") {
		q := u.Query()
		if conns, err = strconv.Atoi(q.Get("pool_max_conns")); err != nil || conns < 4 || conns > 1000 {
			return nil, 0, errors.New("pool_max_conns in the name of the database is not a number from 4 to 1000")
		}
		q.Del("pool_max_conns")
		u.RawQuery = q.Encode()
		dsn = u.String()
	}
	c, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, 0, err
	}
	if !strings.Contains(dsn, "connect_timeout=") {
		c.ConnectTimeout = 10 * time.Second
	}
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "letterlock"
	}
	// A server that vanished is noticed within half a minute, also while we wait for its answer.
	dial := &net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 4}, Control: userTimeout}
	c.DialFunc = dial.DialContext
	return c, conns, nil
}

// settle makes a connection keep what this package promises, whatever the server's defaults are: a commit lasts, and a process
// that hangs in the middle of a transaction does not hold up the others for ever. And it makes plans that hold whatever the server
// knows of the tables: every query was written to go from index to index, and to read what it shows; a table that has grown since it was
// last analyzed, or never was, would be read from end to end. Settings that the server does not have are left out.
func settle(ctx context.Context, c *pgx.Conn) error {
	_, err := c.Exec(ctx, `select set_config(name, value, false) from (values
			('synchronous_commit', 'on', 'off'), ('lock_timeout', '30s', '0'), ('idle_in_transaction_session_timeout', '5min', '0'),
			('enable_seqscan', 'off', 'on'), ('enable_hashjoin', 'off', 'on'), ('enable_mergejoin', 'off', 'on'), ('enable_material', 'off', 'on'), ('jit', 'off', 'on')
		) v (name, value, weak) where current_setting(name, true) = weak`)
	if err != nil {
		return fmt.Errorf("set up the connection: %w", err)
	}
	return nil
}

// readWhole lets the planner read whole tables in a transaction that has to: a check looks at every row.
func (t *tx) readWhole(ctx context.Context) error {
	if t.conn.engine != postgresEngine {
		return nil
	}
	return t.each(ctx, `select set_config(name, 'on', true) from (values ('enable_seqscan'), ('enable_hashjoin'), ('enable_mergejoin')) v (name)
		where current_setting(name, true) is not null`, nil, func(row) error { return nil })
}

func openPostgres(ctx context.Context, dsn string, keys *seal.Keyring) (*postgres, error) {
	config, conns, err := postgresConfig(dsn)
	if err != nil {
		return nil, err
	}
	if err := migratePostgres(ctx, config); err != nil {
		return nil, err
	}
	write := max(1, conns*2/3-1) // one more is for what connects beside the pools
	read := max(1, conns-write-2)
	p := &postgres{
		config: config, keys: keys, writers: make(chan *conn, write), readers: make(chan *conn, read),
		line: make(chan struct{}, 1), done: make(chan struct{}), bell: newBell(),
	}
	for range write {
		p.writers <- nil
	}
	for range read {
		p.readers <- nil
	}
	p.patient = config.Copy()
	p.patient.DialFunc = dialPatiently(config.DialFunc, patience)
	p.db = sqlx.NewDb(stdlib.OpenDB(*p.patient, stdlib.OptionAfterConnect(settle)), "pgx")
	p.db.SetMaxOpenConns(write + read + 1)
	p.db.SetMaxIdleConns(write + read + 1)
	return p, nil
}

// migratePostgres brings the schema up to date, one process at a time.
func migratePostgres(ctx context.Context, config *pgx.ConnConfig) error {
	return migratePostgresTo(ctx, config, math.MaxInt64)
}

func migratePostgresTo(ctx context.Context, config *pgx.ConnConfig, version int64) error {
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(2)
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 600), lock.WithUnlockTimeout(1, 60))
	if err == nil {
		err = unavailable(migrateTo(ctx, db, goose.DialectPostgres, "postgres", version, goose.WithSessionLocker(locker)))
	}
	return errors.Join(err, db.Close())
}

// update runs fn in a transaction, again and again while it meets others.
func (p *postgres) update(ctx context.Context, fn func(*tx) error) error {
	standing := false
	defer func() {
		if standing {
			<-p.line
		}
	}()
	for try := 1; ; try++ {
		most, err := p.try(ctx, fn)
		if err == nil {
			p.transactions.Add(1)
			p.commits.Add(1)
			return nil
		}
		if try >= most {
			return err
		}
		if try >= tiredFrom && !standing {
			select {
			case p.line <- struct{}{}:
				standing = true
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		pause := min(maxPause, time.Millisecond<<min(try, 10))
		select {
		case <-time.After(time.Duration(rand.Int64N(int64(pause)))):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// try runs fn once. It also returns how many tries an error like this is worth.
func (p *postgres) try(ctx context.Context, fn func(*tx) error) (tries int, err error) {
	c, err := p.begin(ctx, p.writers, beginUpdate)
	if err != nil {
		return 0, err
	}
	t := &tx{conn: c, write: true}
	over := false
	defer func() {
		t.ended = true
		if !over {
			c.rollbackShared()
		}
		p.giveBack(p.writers, c)
	}()
	if err = fn(t); err == nil {
		err = t.err
	}
	if err != nil {
		// What the statement met decides, whatever the function made of it.
		return worthTrying(t.err), err
	}
	over = true
	lost, err := c.commitShared()
	if err == nil {
		return 0, nil
	}
	c.rollbackShared()
	err = unavailable(fmt.Errorf("commit: %w", err))
	if lost {
		return worthTrying(err), err
	}
	return worthTryingCommit(err), err
}

func (p *postgres) view(ctx context.Context, fn func(*tx) error) error {
	c, err := p.begin(ctx, p.readers, beginView)
	if err != nil {
		return err
	}
	t := &tx{conn: c}
	defer func() {
		t.ended = true
		c.rollbackShared()
		p.giveBack(p.readers, c)
	}()
	return fn(t)
}

// begin takes a connection and begins a transaction on it. A connection that the server closed while nobody used it is replaced.
func (p *postgres) begin(ctx context.Context, pool chan *conn, start string) (*conn, error) {
	for {
		c, err := p.borrow(ctx, pool, start)
		if err != nil {
			return nil, err
		}
		if err = c.beginShared(); err == nil {
			return c, nil
		}
		stale := !c.used.IsZero()
		c.rollbackShared()
		p.discard(pool, c)
		if !stale || ctx.Err() != nil {
			return nil, unavailable(fmt.Errorf("begin: %w", err))
		}
	}
}

func (p *postgres) borrow(ctx context.Context, pool chan *conn, start string) (*conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case <-p.done:
		return nil, errClosed
	default:
	}
	select {
	case c := <-pool:
		if c != nil {
			return c, nil
		}
		c, err := newConn(context.WithoutCancel(ctx), p.db, postgresEngine, p.keys, start)
		if err != nil {
			pool <- nil
			return nil, fmt.Errorf("connect to the database: %w", unavailable(err))
		}
		return c, nil
	case <-p.done:
		return nil, errClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// giveBack puts a connection back if it can be used again.
func (p *postgres) giveBack(pool chan *conn, c *conn) {
	if c.idle() {
		c.used = time.Now()
		pool <- c
		return
	}
	p.discard(pool, c)
}

func (p *postgres) discard(pool chan *conn, c *conn) {
	c.drop()
	pool <- nil
}

func (p *postgres) close() error {
	close(p.done)
	var errs []error
	for _, pool := range []chan *conn{p.writers, p.readers} {
		for range cap(pool) {
			if c := <-pool; c != nil {
				errs = append(errs, c.c.Close())
			}
		}
	}
	return errors.Join(append(errs, p.db.Close())...)
}

// latest lets each statement of a transaction that has run none yet see what was committed just before it. It is for claims, in
// which one state for all of them would make workers meet over what they would have skipped.
func (t *tx) latest(ctx context.Context) error {
	if t.conn.engine != postgresEngine || t.ran {
		return nil
	}
	if err := t.ready(ctx); err != nil {
		return err
	}
	t.ran = true
	if err := t.conn.restart(beginLatest); err != nil {
		return t.fail(beginLatest, err)
	}
	return nil
}

// guard makes two transactions that guard the same thing meet, as if they changed the same row. It is for rules over rows that
// both only read, such as "at most ten" or "never the last". Where one writes at a time they never meet.
func (t *tx) guard(ctx context.Context, thing string) error {
	if t.conn.engine != postgresEngine {
		return nil
	}
	return t.send(ctx, "insert into meta (name, value) values (?, ?) on conflict (name) do update set value = excluded.value",
		"guard "+thing, []byte{})
}
