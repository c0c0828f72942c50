package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"letterlock/mailin"
)

// parseCommand shows what mailin makes of mails.
type parseCommand struct {
	JSONL bool     `name:"jsonl" help:"Read files and folders instead, and print one line of JSON for each mail, with its path."`
	Paths []string `arg:"" optional:"" name:"path" help:"Files, and folders to go through, for --jsonl."`
}

// Help is the longer help.
func (parseCommand) Help() string {
	return `Examples: letterlock parse < mail.eml, or letterlock parse --jsonl archive/

Anything that can be read as bytes has a result: what was wrong with the mail stands in "defects".`
}

// Run reads standard input, or the paths.
func (c *parseCommand) Run(env *environment) error {
	switch {
	case c.JSONL && len(c.Paths) == 0:
		return usagef("--jsonl needs files or folders to read, such as letterlock parse --jsonl archive/")
	case !c.JSONL && len(c.Paths) > 0:
		return usagef("to read files, say letterlock parse --jsonl PATH...; without it the mail comes from standard input")
	case c.JSONL:
		return c.parsePaths(env)
	}
	raw, err := io.ReadAll(io.LimitReader(env.stdin, maxStdin))
	if err != nil {
		return fmt.Errorf("read standard input: %w", err)
	}
	return writeJSON(env.stdout, mailin.Describe(mailin.Parse(raw, mailin.Limits{})))
}

// parsePaths goes through files and folders, in the order of their names. A file that can't be read is told on standard error
// and does not keep the rest from being read.
func (c *parseCommand) parsePaths(env *environment) error {
	out := bufio.NewWriterSize(env.stdout, 64<<10)
	lines := json.NewEncoder(out)
	lines.SetEscapeHTML(false)
	count := newProgress(env, "mails read")
	defer count.end()
	unread := 0
	failed := func(path string, err error) {
		unread++
		var p *fs.PathError
		if errors.As(err, &p) {
			err = p.Err
		}
		fmt.Fprintf(env.stderr, "letterlock: %s: %v\n", path, err)
	}
	one := func(path string) error {
		raw, err := readMailFile(path)
		if err != nil {
			failed(path, err)
			return nil
		}
		p := mailin.Describe(mailin.Parse(raw, mailin.Limits{}))
		p.Path = path
		count.add()
		return lines.Encode(p)
	}
	for _, path := range c.Paths {
		err := filepath.WalkDir(path, func(path string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				failed(path, err)
				return nil
			case entry.IsDir():
				return nil
			case !entry.Type().IsRegular() && entry.Type()&fs.ModeSymlink == 0:
				return nil // a pipe or a device in a folder of mails; reading it could wait for ever
			}
			return one(path)
		})
		if err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	if unread > 0 {
		return fmt.Errorf("%d files could not be read; the rest is done", unread)
	}
	return nil
}

func readMailFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, errors.New("it leads to a folder: name that folder itself")
	}
	return io.ReadAll(io.LimitReader(f, maxStdin))
}
