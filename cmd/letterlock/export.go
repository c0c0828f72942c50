package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"letterlock/bridge"
	"letterlock/store/folder"
	"letterlock/web/archive"
)

// exportCommand writes conversations down for people who will read them without Letterlock.
type exportCommand struct {
	Thread exportThreadCommand `cmd:"" help:"Write down one conversation."`
	Person exportPersonCommand `cmd:"" help:"Write down what is known of a person, and all conversations that they are or were in."`
}

// exportTo is where an export goes, and as what.
type exportTo struct {
	withConfig
	General `embed:"" group:"Keys of the configuration file"`
	Out     string `name:"out" short:"o" required:"" placeholder:"FILE" help:"The file to write; - for standard output. A file of this name is replaced once the new one is whole."`
	Format  string `default:"" enum:",zip,mbox" placeholder:"FORMAT" help:"zip: pages to read, JSON and the files. mbox: mails for any mail program. By the file's name if it is not set, and else zip."`
	Notes   bool   `help:"Internal notes too, which only staff see."`
}

type exportThreadCommand struct {
	exportTo
	ID string `arg:"" help:"The conversation's id, as in the address of its page."`
}

type exportPersonCommand struct {
	exportTo
	ID string `arg:"" help:"The person's id or email address."`
}

// Help is the longer help.
func (exportThreadCommand) Help() string { return exportHelp }

// Help is the longer help.
func (exportPersonCommand) Help() string { return exportHelp }

const exportHelp = `What is written is not sealed: anybody who has the file can read it. That it was exported is recorded in the audit log.`

// collector is a zip file or an mbox.
type collector interface {
	Add(ctx context.Context, e bridge.ExportedThread) error
}

// Run exports the conversation.
func (c *exportThreadCommand) Run(ctx context.Context, env *environment) error {
	id, err := bridge.ParseID(c.ID)
	if err != nil {
		return usagef("%q is not the id of a conversation", c.ID)
	}
	return c.write(ctx, env, func(g *bridge.Gateway, w io.Writer) error {
		e, err := g.ExportThread(ctx, bridge.AsOperator(), id, c.Notes)
		if err != nil {
			return err
		}
		to, end := c.collect(g, w, e.Thread.Subject)
		return errors.Join(to.Add(ctx, e), end(nil))
	})
}

// Run exports the person's conversations.
func (c *exportPersonCommand) Run(ctx context.Context, env *environment) error {
	return c.write(ctx, env, func(g *bridge.Gateway, w io.Writer) error {
		id, err := bridge.ParseID(c.ID)
		if err != nil {
			p, err := g.PersonByAddress(ctx, bridge.AsOperator(), c.ID)
			if errors.Is(err, bridge.ErrNotFound) {
				return fmt.Errorf("nobody has the id or address %q here: see \"letterlock contact list\"", c.ID)
			}
			if err != nil {
				return err
			}
			id = p.ID
		}
		to, end := c.collect(g, w, "Conversations of "+c.ID)
		p, err := g.ExportPerson(ctx, bridge.AsOperator(), id, c.Notes, func(e bridge.ExportedThread) error { return to.Add(ctx, e) })
		if err != nil {
			return err
		}
		return end(&p)
	})
}

// collect begins a zip file or an mbox. end ends it.
func (c *exportTo) collect(g *bridge.Gateway, w io.Writer, title string) (to collector, end func(*bridge.ExportedPerson) error) {
	open := func(ctx context.Context, b bridge.Blob) (io.ReadCloser, error) { return g.OpenBlob(ctx, b) }
	if c.Format == "mbox" || c.Format == "" && strings.HasSuffix(c.Out, ".mbox") {
		return archive.NewMbox(w, g.Domain(), g.Organization(), open), func(*bridge.ExportedPerson) error { return nil }
	}
	z := archive.NewZip(w, title, time.Now(), open)
	return z, func(p *bridge.ExportedPerson) error {
		if p != nil {
			if err := z.AddPerson(*p); err != nil {
				return err
			}
		}
		return z.Close()
	}
}

// write opens what is stored and the file, and gives the file its name once it is whole.
func (c *exportTo) write(ctx context.Context, env *environment, export func(*bridge.Gateway, io.Writer) error) (err error) {
	if err := c.complete(); err != nil {
		return usageError{err}
	}
	k, err := openKept(ctx, Config{General: c.General}, slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, k.db.Close()) }()
	if c.Out == "-" {
		out := bufio.NewWriter(env.stdout)
		return errors.Join(export(k.gateway, out), out.Flush())
	}
	f, err := os.CreateTemp(filepath.Dir(c.Out), filepath.Base(c.Out)+".*"+partSuffix) // with mode 0600
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	out := bufio.NewWriterSize(f, 1<<18)
	if err = export(k.gateway, out); err == nil {
		err = out.Flush()
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), c.Out)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return folder.Sync(filepath.Dir(c.Out))
}
