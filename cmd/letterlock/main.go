// Letterlock is a gateway between ordinary email and a secure message portal: one program that takes mail, keeps
// conversations, sends notices or copies, and serves the portal and the API.
//
// This package is the only one that knows all the others. It reads the command line and the configuration, wires the
// packages together, runs them and stops them in order; it decides nothing about mail or people, which package bridge does.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, hooks{}))
}

// The exit statuses.
const (
	exitOK      = 0
	exitFailure = 1 // it was tried, and did not work
	exitUsage   = 2 // the command line or the configuration is wrong
)

// environment is what a command gets to work with, so that a test can run one without a process of its own.
type environment struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	file           *configFile
	hooks          hooks
}

// usageError is an error of whoever called us: the command line or the configuration is wrong.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// exitNow is what kong's Exit throws, so that --help ends run and not the process.
type exitNow int

// run runs one command and returns the exit status. It is main without the process.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer, h hooks) (status int) {
	env := &environment{stdin: stdin, stdout: stdout, stderr: stderr, hooks: h}
	defer func() {
		switch r := recover().(type) {
		case nil:
		case exitNow:
			status = int(r)
		default:
			panic(r)
		}
	}()
	var c cli
	parser, err := newParser(&c, env)
	if err != nil {
		fmt.Fprintf(stderr, "letterlock: build the command line: %v\n", err)
		return exitFailure
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	ctx, err := parser.Parse(args)
	if err != nil {
		return env.fail(usageError{parseFault(err)}, parseHint(err))
	}
	signals, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(signals, stop) // a second signal ends it at once
	ctx.BindTo(signals, (*context.Context)(nil))
	return env.fail(ctx.Run(env), "")
}

// fail tells an error in one line on standard error and returns the exit status for it.
func (e *environment) fail(err error, hint string) int {
	if err == nil {
		return exitOK
	}
	text := strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' }), " ")
	if hint != "" {
		text += " (" + hint + ")"
	}
	fmt.Fprintf(e.stderr, "letterlock: %s\n", text)
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	return exitFailure
}

// parseFault is kong's error without the empty value, by which we tell kong that another may be left out: it is none to choose.
func parseFault(err error) error {
	text := err.Error()
	if plain := strings.Replace(text, `must be one of "",`, "must be one of ", 1); plain != text {
		return errors.New(plain)
	}
	return err
}

// parseHint says where the right usage can be read.
func parseHint(err error) string {
	if _, ok := errors.AsType[usageError](err); ok {
		return "" // the configuration, whose errors say what to do
	}
	command := "letterlock"
	if p, ok := errors.AsType[*kong.ParseError](err); ok && p.Context.Selected() != nil {
		command = p.Context.Selected().FullPath()
	}
	return `see "` + command + ` --help"`
}

// newParser returns the command line's parser. Nothing in it prints or exits by itself.
func newParser(c *cli, env *environment) (*kong.Kong, error) {
	return kong.New(c,
		kong.Name("letterlock"),
		kong.Description("Letterlock answers mail without letting it leak: people get a notice or a copy by email, and read and answer in a portal, or simply reply."),
		kong.Writers(env.stdout, env.stderr),
		kong.Exit(func(code int) { panic(exitNow(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110}),
		kong.ValueFormatter(helpText),
		kong.PostBuild(nameVariables),
		kong.WithBeforeResolve(func(ctx *kong.Context) error { return loadConfig(ctx, env) }),
	)
}

// nameVariables gives each flag that is a key of the configuration its environment variable.
func nameVariables(k *kong.Kong) error {
	keys := flagKeys()
	return kong.Visit(k.Model.Node, func(node kong.Visitable, next kong.Next) error {
		if f, ok := node.(*kong.Flag); ok {
			if key, known := keys[f.Name]; known {
				f.Envs = []string{envName(key.path)}
				f.Tag.Envs = f.Envs
			}
		}
		return next(nil)
	})
}

// helpText leaves the variables out of the help of each flag: they follow from its name, as the help of serve says.
func helpText(v *kong.Value) string { return v.Help }

// loadConfig reads the configuration file for a command that takes one, and lets it resolve flags.
func loadConfig(ctx *kong.Context, env *environment) error {
	for _, f := range ctx.Flags() {
		if f.Name != "config" || ctx.Selected().Name == "init" { // which makes one
			continue
		}
		path, _ := ctx.FlagValue(f).(string)
		if path == "" {
			path = os.Getenv("LETTERLOCK_CONFIG")
		}
		file, err := readConfigFile(path, os.LookupEnv)
		if err != nil {
			return err
		}
		env.file = file
		ctx.AddResolver(file)
	}
	return nil
}

// hooks are called at moments that a crash test wants to choose. They are nil in the program.
type hooks struct {
	// received is called when a mail is durable and its sender does not know it yet.
	received func()
	// relayed is called when the next hop took a mail and the store does not know it yet.
	relayed func()
	// ready is called when serve or demo has opened its listeners and begins to work.
	ready func(addresses)
	// progress is told how far a long command is, as its bar is.
	progress func(part string, done, total int64)
	// now is the time by which a command decides what has had its time. It is time.Now if it is nil.
	now func() time.Time
}

// clock returns the time by which a command decides what has had its time.
func (e *environment) clock() func() time.Time {
	if e.hooks.now != nil {
		return e.hooks.now
	}
	return time.Now
}

// addresses are those of the listeners that were opened, as host:port; empty for none.
type addresses struct{ smtp, http, mailbox string }
