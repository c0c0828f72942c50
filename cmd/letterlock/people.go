package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"letterlock/bridge"
)

// withPassword is where a command takes a new password from. It is never an argument, which every user of the machine could see.
type withPassword struct {
	PasswordFile string `name:"password-file" placeholder:"FILE" xor:"password" help:"A file whose first line is the password; - for standard input."`
	MakePassword bool   `name:"make-password" xor:"password" help:"Make up a password and print it, once."`
}

// password returns the new password; empty if none was asked for. Made says whether it was made up.
func (p withPassword) password(env *environment) (text string, made bool, err error) {
	switch {
	case p.MakePassword:
		return madePassword(), true, nil
	case p.PasswordFile == "":
		return "", false, nil
	}
	r := env.stdin
	if p.PasswordFile != "-" {
		f, err := os.Open(p.PasswordFile)
		if err != nil {
			return "", false, fmt.Errorf("read the password: %w", err)
		}
		defer f.Close()
		r = f
	}
	line, err := bufio.NewReader(io.LimitReader(r, 64<<10)).ReadString('\n')
	if err != nil && err != io.EOF {
		return "", false, fmt.Errorf("read the password: %w", err)
	}
	line = strings.TrimRight(line, "\r\n")
	if line == "" {
		return "", false, usagef("the password file's first line is empty")
	}
	return line, false, nil
}

// madePassword returns a random password of 120 bits that is easy to type: five groups of letters and digits.
func madePassword() string {
	text := strings.ToLower(rand.Text())[:25]
	groups := make([]string, 0, 5)
	for i := 0; i < len(text); i += 5 {
		groups = append(groups, text[i:i+5])
	}
	return strings.Join(groups, "-")
}

// userCommand is about staff and admins.
type userCommand struct {
	List     userListCommand     `cmd:"" help:"List staff and admins."`
	Add      userAddCommand      `cmd:"" help:"Add a member of staff, or an admin."`
	Role     userRoleCommand     `cmd:"" help:"Make somebody staff or admin."`
	Password userPasswordCommand `cmd:"" help:"Give somebody a new password. It ends their sessions."`
	Disable  userDisableCommand  `cmd:"" help:"Shut somebody out, at once."`
	Enable   userEnableCommand   `cmd:"" help:"Let somebody in again."`
}

// contactCommand is about the people on the customers' side.
type contactCommand struct {
	List    contactListCommand    `cmd:"" help:"List contacts."`
	Add     contactAddCommand     `cmd:"" help:"Add a contact."`
	Mode    contactModeCommand    `cmd:"" help:"Make mail to one contact stricter than the organization's mode, or no longer."`
	Disable contactDisableCommand `cmd:"" help:"Shut a contact out, at once."`
	Enable  contactEnableCommand  `cmd:"" help:"Let a contact in again."`
}

type userListCommand struct {
	withConfig
	General `embed:"" group:"Keys of the configuration file"`
	asJSON
}

// Run lists staff.
func (c *userListCommand) Run(ctx context.Context, env *environment) error {
	return listPeople(ctx, env, c.General, bridge.Staff, c.JSON)
}

type contactListCommand struct {
	withConfig
	General `embed:"" group:"Keys of the configuration file"`
	asJSON
}

// Run lists contacts.
func (c *contactListCommand) Run(ctx context.Context, env *environment) error {
	return listPeople(ctx, env, c.General, bridge.Contact, c.JSON)
}

// personRow is one person in the output for programs.
type personRow struct {
	ID        bridge.ID   `json:"id"`
	Address   string      `json:"address"`
	Name      string      `json:"name,omitempty"`
	Role      bridge.Role `json:"role,omitempty"`
	Locale    string      `json:"locale,omitempty"`
	Mode      bridge.Mode `json:"mode,omitempty"`
	Password  bool        `json:"password"`
	Disabled  bool        `json:"disabled"`
	CreatedAt time.Time   `json:"created_at"`
}

// listPeople writes all people of a kind as they are read, so that a long list begins at once: a table, or one JSON array.
func listPeople(ctx context.Context, env *environment, general General, kind bridge.PersonKind, asJSON bool) error {
	return withGateway(ctx, general, func(g *bridge.Gateway) error {
		out := bufio.NewWriter(env.stdout)
		table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		first := true
		if !asJSON {
			fmt.Fprintln(table, "ADDRESS\tNAME\tROLE\tMODE\tSINCE\tSTATE")
		}
		err := eachPerson(ctx, g, kind, func(p bridge.Person) (bool, error) {
			if asJSON {
				text := ",\n"
				if first {
					text = "[\n"
				}
				first = false
				if _, err := out.WriteString(text); err != nil {
					return false, err
				}
				return true, writeJSON(out, personRow{
					ID: p.ID, Address: p.Address, Name: p.Name, Role: p.Role, Locale: p.Locale, Mode: p.Mode,
					Password: p.HasPassword, Disabled: p.Disabled, CreatedAt: p.CreatedAt,
				})
			}
			state := "active"
			if p.Disabled {
				state = "disabled"
			}
			_, err := fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", p.Address, p.Name, p.Role, p.Mode, p.CreatedAt.Local().Format(time.DateOnly), state)
			return true, err
		})
		if err != nil {
			return fmt.Errorf("list people: %w", err)
		}
		switch {
		case !asJSON:
			err = table.Flush()
		case first:
			_, err = out.WriteString("[]\n")
		default:
			_, err = out.WriteString("]\n")
		}
		return errors.Join(err, out.Flush())
	})
}

// eachPerson calls fn for each person of a kind, newest first, until it returns false or an error.
func eachPerson(ctx context.Context, g *bridge.Gateway, kind bridge.PersonKind, fn func(bridge.Person) (bool, error)) error {
	var after bridge.Cursor
	for {
		people, next, err := g.ListPeople(ctx, bridge.AsOperator(), kind, after, 200)
		if err != nil {
			return err
		}
		for _, p := range people {
			if more, err := fn(p); err != nil || !more {
				return err
			}
		}
		if next.IsZero() {
			return nil
		}
		after = next
	}
}

// byAddress is the argument of commands about one person.
type byAddress struct {
	withConfig
	General `embed:"" group:"Keys of the configuration file"`
	Address string `arg:"" help:"The person's email address."`
}

// change runs fn for the person with the address and says what was done.
func (c byAddress) change(ctx context.Context, env *environment, kind bridge.PersonKind, done string, fn func(*bridge.Gateway, bridge.Person) error) error {
	return withGateway(ctx, c.General, func(g *bridge.Gateway) error {
		p, err := g.PersonByAddress(ctx, bridge.AsOperator(), c.Address)
		if errors.Is(err, bridge.ErrNotFound) || err == nil && p.Kind != kind {
			command := "user"
			if kind == bridge.Contact {
				command = "contact"
			}
			return fmt.Errorf("nobody has the address %s here: see \"letterlock %s list\"", c.Address, command)
		}
		if err != nil {
			return fmt.Errorf("find %s: %w", c.Address, err)
		}
		if err := fn(g, p); err != nil {
			return fmt.Errorf("%s: %w", c.Address, err)
		}
		_, err = fmt.Fprintf(env.stdout, "%s %s\n", p.Address, done)
		return err
	})
}

type userAddCommand struct {
	byAddress
	withPassword
	Name  string `placeholder:"NAME" help:"The name as others see it."`
	Role  string `default:"staff" enum:"staff,admin" placeholder:"ROLE" help:"staff, who answer (the default), or admin, who may do everything."`
	Admin bool   `help:"The same as --role admin."`
}

// Help is the longer help.
func (userAddCommand) Help() string {
	return "Without a password they sign in with a code that is sent to their address."
}

// Run adds the person.
func (c *userAddCommand) Run(ctx context.Context, env *environment) error {
	password, made, err := c.password(env)
	if err != nil {
		return err
	}
	role := bridge.Role(c.Role)
	if c.Admin {
		role = bridge.RoleAdmin
	}
	return withGateway(ctx, c.General, func(g *bridge.Gateway) error {
		p, err := g.AddStaff(ctx, bridge.AsOperator(), c.Name, c.Address, role, password)
		if errors.Is(err, bridge.ErrConflict) {
			return fmt.Errorf("add %s: somebody has this address already: see \"letterlock user list\" and \"letterlock contact list\"", c.Address)
		}
		if err != nil {
			return fmt.Errorf("add %s: %w", c.Address, err)
		}
		if made {
			_, err = fmt.Fprintf(env.stdout, "%s added as %s, password %s (shown only now)\n", p.Address, role, password)
			return err
		}
		_, err = fmt.Fprintf(env.stdout, "%s added as %s, signs in at %s/sign-in\n", p.Address, role, g.BaseURL())
		return err
	})
}

type userRoleCommand struct {
	byAddress
	Role string `arg:"" enum:"staff,admin" help:"staff or admin."`
}

// Run changes the role.
func (c *userRoleCommand) Run(ctx context.Context, env *environment) error {
	return c.change(ctx, env, bridge.Staff, "is now "+c.Role, func(g *bridge.Gateway, p bridge.Person) error {
		return g.SetRole(ctx, bridge.AsOperator(), p.ID, bridge.Role(c.Role))
	})
}

type userPasswordCommand struct {
	byAddress
	withPassword
}

// Run sets the password.
func (c *userPasswordCommand) Run(ctx context.Context, env *environment) error {
	password, made, err := c.password(env)
	if err != nil {
		return err
	}
	if password == "" {
		return usagef("say where the new password comes from: --password-file FILE, or --make-password")
	}
	done := "has a new password"
	if made {
		done += ": " + password + " (shown only now)"
	}
	return c.change(ctx, env, bridge.Staff, done, func(g *bridge.Gateway, p bridge.Person) error {
		return g.SetPassword(ctx, bridge.AsOperator(), p.ID, bridge.Proof{}, password)
	})
}

type (
	userDisableCommand    struct{ byAddress }
	userEnableCommand     struct{ byAddress }
	contactDisableCommand struct{ byAddress }
	contactEnableCommand  struct{ byAddress }
)

// Run shuts the person out.
func (c *userDisableCommand) Run(ctx context.Context, env *environment) error {
	return c.setDisabled(ctx, env, bridge.Staff, true)
}

// Run lets the person in.
func (c *userEnableCommand) Run(ctx context.Context, env *environment) error {
	return c.setDisabled(ctx, env, bridge.Staff, false)
}

// Run shuts the contact out.
func (c *contactDisableCommand) Run(ctx context.Context, env *environment) error {
	return c.setDisabled(ctx, env, bridge.Contact, true)
}

// Run lets the contact in.
func (c *contactEnableCommand) Run(ctx context.Context, env *environment) error {
	return c.setDisabled(ctx, env, bridge.Contact, false)
}

func (c byAddress) setDisabled(ctx context.Context, env *environment, kind bridge.PersonKind, disabled bool) error {
	done := "can sign in again"
	if disabled {
		done = "can't sign in any more"
	}
	return c.change(ctx, env, kind, done, func(g *bridge.Gateway, p bridge.Person) error {
		return g.SetDisabled(ctx, bridge.AsOperator(), p.ID, disabled)
	})
}

type contactAddCommand struct {
	byAddress
	Name   string `placeholder:"NAME" help:"The name as others see it."`
	Locale string `placeholder:"LANGUAGE" help:"The language of their mails, as in BCP 47: en, de, fr-CH."`
}

// Run adds the contact.
func (c *contactAddCommand) Run(ctx context.Context, env *environment) error {
	return withGateway(ctx, c.General, func(g *bridge.Gateway) error {
		p, err := g.AddContact(ctx, bridge.AsOperator(), bridge.NewContact{Name: c.Name, Address: c.Address, Locale: c.Locale})
		if errors.Is(err, bridge.ErrConflict) {
			return fmt.Errorf("add %s: somebody has this address already: see \"letterlock contact list\" and \"letterlock user list\"", c.Address)
		}
		if err != nil {
			return fmt.Errorf("add %s: %w", c.Address, err)
		}
		_, err = fmt.Fprintf(env.stdout, "%s added\n", p.Address)
		return err
	})
}

type contactModeCommand struct {
	byAddress
	Mode string `arg:"" enum:"secure,inherit" help:"secure: this contact never gets a copy. inherit: as the organization and the conversation say."`
}

// Run sets the contact's mode.
func (c *contactModeCommand) Run(ctx context.Context, env *environment) error {
	mode, done := bridge.ModeSecure, "gets notices only"
	if c.Mode == "inherit" {
		mode, done = bridge.ModeInherit, "gets what the organization's mode allows"
	}
	return c.change(ctx, env, bridge.Contact, done, func(g *bridge.Gateway, p bridge.Person) error {
		return g.SetContactMode(ctx, bridge.AsOperator(), p.ID, mode)
	})
}
