package bridge

import (
	"context"
	"errors"
	"fmt"
	"time"

	"letterlock/bridge/mailaddr"
	"letterlock/bridge/password"
)

// Me returns the signed-in person; ErrForbidden for actors who are none.
func (g *Gateway) Me(ctx context.Context, a Actor) (Person, error) {
	var me Person
	err := g.store.View(ctx, func(tx Tx) error {
		p, err := g.resolve(ctx, tx, a)
		if err == nil && p.person.ID.IsZero() {
			err = ErrForbidden
		}
		me = p.person
		return err
	})
	return me, wrap("me", err)
}

// PersonByID returns anybody to staff, and oneself to anyone.
func (g *Gateway) PersonByID(ctx context.Context, a Actor, id ID) (Person, error) {
	var who Person
	err := g.viewPerson(ctx, a, id, func(_ Tx, p Person) error {
		who = p
		return nil
	})
	return who, wrap("person", err)
}

// viewPerson reads something of a person for staff, or for the person.
func (g *Gateway) viewPerson(ctx context.Context, a Actor, id ID, fn func(Tx, Person) error) error {
	return g.store.View(ctx, func(tx Tx) error {
		p, err := g.resolve(ctx, tx, a)
		if err != nil {
			return err
		}
		if !p.isStaff() && p.person.ID != id {
			return ErrForbidden
		}
		who, err := tx.Person(ctx, id)
		if err != nil {
			return err
		}
		return fn(tx, who)
	})
}

// PeopleByID returns those whose ids are given, by their ids, to staff. Ids that are nobody's are left out.
func (g *Gateway) PeopleByID(ctx context.Context, a Actor, ids []ID) (map[ID]Person, error) {
	var people map[ID]Person
	err := g.store.View(ctx, func(tx Tx) error {
		people = map[ID]Person{}
		if _, err := g.resolveStaff(ctx, tx, a); err != nil {
			return err
		}
		for _, id := range ids {
			if _, known := people[id]; known {
				continue
			}
			p, err := tx.Person(ctx, id)
			if errors.Is(err, ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			people[id] = p
		}
		return nil
	})
	return people, wrap("people", err)
}

// PersonByAddress returns whoever has an address, to staff. The address is compared in its normal form.
func (g *Gateway) PersonByAddress(ctx context.Context, a Actor, address string) (Person, error) {
	var who Person
	err := g.store.View(ctx, func(tx Tx) error {
		if _, err := g.resolveStaff(ctx, tx, a); err != nil {
			return err
		}
		var err error
		who, err = tx.PersonByAddress(ctx, mailaddr.Normalize(address))
		return err
	})
	return who, wrap("person", err)
}

// ListPeople lists contacts or staff, newest first, to staff.
func (g *Gateway) ListPeople(ctx context.Context, a Actor, kind PersonKind, after Cursor, limit int) ([]Person, Cursor, error) {
	var people []Person
	var next Cursor
	err := g.store.View(ctx, func(tx Tx) error {
		if _, err := g.resolveStaff(ctx, tx, a); err != nil {
			return err
		}
		limit := pageLimit(limit)
		var err error
		if people, err = tx.ListPeople(ctx, kind, after, limit+1); err != nil {
			return err
		}
		next = Cursor{}
		if len(people) > limit {
			people = people[:limit]
			last := people[limit-1]
			next = Cursor{At: last.CreatedAt, ID: last.ID}
		}
		return nil
	})
	return people, next, wrap("list people", err)
}

// NewContact is the request to make a contact.
type NewContact struct {
	Name    string
	Address string
	Locale  string
	Once    Once
}

// AddContact makes a contact: staff only. ErrConflict if the address is somebody's already.
func (g *Gateway) AddContact(ctx context.Context, a Actor, n NewContact) (Person, error) {
	var c Person
	err := g.store.Update(ctx, func(tx Tx) error {
		p, err := g.resolveStaff(ctx, tx, a)
		if err != nil {
			return err
		}
		if done, err := g.onceBefore(ctx, tx, p, n.Once); err != nil {
			return err
		} else if done != nil {
			c, err = tx.Person(ctx, done.Person)
			return err
		}
		normal, err := address(n.Address)
		if err != nil {
			return err
		}
		if _, err := tx.PersonByAddress(ctx, normal); err == nil {
			return fmt.Errorf("%s is known already: %w", normal, ErrConflict)
		} else if !errors.Is(err, ErrNotFound) {
			return err
		}
		if c, err = g.contactAt(ctx, tx, p, normal, n.Name, n.Locale); err != nil {
			return err
		}
		return g.onceAfter(ctx, tx, p, n.Once, OnceRecord{Person: c.ID})
	})
	return c, wrap("add contact", err)
}

// contactAt returns whoever has an address, or makes a contact of it.
func (g *Gateway) contactAt(ctx context.Context, tx Tx, p principal, addr, name, locale string) (Person, error) {
	normal, err := address(addr)
	if err != nil {
		return Person{}, err
	}
	c, err := tx.PersonByAddress(ctx, normal)
	if err == nil || !errors.Is(err, ErrNotFound) {
		return c, err
	}
	if err := g.notOurs(normal); err != nil {
		return Person{}, err
	}
	c = Person{ID: NewID(), Kind: Contact, Name: cleanLine(name, maxName), Address: normal, Locale: cleanLine(locale, 35), CreatedAt: g.now(), Unsubscribe: randomID()}
	if err := tx.AddPerson(ctx, c); err != nil {
		return Person{}, err
	}
	return c, g.audit(ctx, tx, p, AuditEntry{Action: "contact.add", Person: c.ID})
}

// AddStaff makes a member of staff: admins only. With an empty password they sign in by code.
func (g *Gateway) AddStaff(ctx context.Context, a Actor, name, addr string, role Role, pass string) (Person, error) {
	if role != RoleStaff && role != RoleAdmin {
		return Person{}, fmt.Errorf("add staff: the role is staff or admin: %w", ErrInvalid)
	}
	// Permission comes before the costly hash, and once more in the transaction that counts.
	if err := g.store.View(ctx, func(tx Tx) error { _, err := g.resolveAdmin(ctx, tx, a); return err }); err != nil {
		return Person{}, wrap("add staff", err)
	}
	hash, err := g.hash(ctx, pass)
	if err != nil {
		return Person{}, wrap("add staff", err)
	}
	var s Person
	err = g.store.Update(ctx, func(tx Tx) error {
		p, err := g.resolveAdmin(ctx, tx, a)
		if err != nil {
			return err
		}
		normal, err := address(addr)
		if err != nil {
			return err
		}
		if err := g.notOurs(normal); err != nil {
			return err
		}
		s = Person{ID: NewID(), Kind: Staff, Role: role, Name: cleanLine(name, maxName), Address: normal, HasPassword: hash != "", CreatedAt: g.now(), Unsubscribe: randomID()}
		if err := tx.AddPerson(ctx, s); errors.Is(err, ErrConflict) {
			return fmt.Errorf("%s is known already: %w", normal, ErrConflict)
		} else if err != nil {
			return err
		}
		if hash != "" {
			if err := tx.SetPasswordHash(ctx, s.ID, hash); err != nil {
				return err
			}
		}
		return g.audit(ctx, tx, p, AuditEntry{Action: "staff.add", Person: s.ID, Detail: string(role)})
	})
	return s, wrap("add staff", err)
}

// Rename sets a person's name and locale: oneself, staff for contacts, admins for all.
func (g *Gateway) Rename(ctx context.Context, a Actor, id ID, name, locale string) error {
	return wrap("rename", g.change(ctx, a, id, "person.rename", func(p principal, who *Person) error {
		if p.person.ID != id && !p.mayManage(*who) {
			return ErrForbidden
		}
		who.Name, who.Locale = cleanLine(name, maxName), cleanLine(locale, 35)
		return nil
	}))
}

// SetRole makes a member of staff an admin, or no longer one: admins only, and never the last admin.
func (g *Gateway) SetRole(ctx context.Context, a Actor, id ID, role Role) error {
	if role != RoleStaff && role != RoleAdmin {
		return fmt.Errorf("set role: the role is staff or admin: %w", ErrInvalid)
	}
	err := g.store.Update(ctx, func(tx Tx) error {
		return g.changeIn(ctx, tx, a, id, "staff.role", func(p principal, who *Person) error {
			switch {
			case !p.isAdmin():
				return ErrForbidden
			case who.Kind != Staff:
				return fmt.Errorf("a contact has no role: %w", ErrInvalid)
			}
			if who.Role == RoleAdmin && role != RoleAdmin {
				if err := g.otherAdmin(ctx, tx, id); err != nil {
					return err
				}
			}
			who.Role = role
			return nil
		})
	})
	return wrap("set role", err)
}

// SetDisabled takes everything away from a person, or gives it back: staff for contacts, admins for staff, nobody for themself
// or for the last admin. Sessions end at once.
func (g *Gateway) SetDisabled(ctx context.Context, a Actor, id ID, disabled bool) error {
	action := "person.enable"
	if disabled {
		action = "person.disable"
	}
	err := g.store.Update(ctx, func(tx Tx) error {
		return g.changeIn(ctx, tx, a, id, action, func(p principal, who *Person) error {
			switch {
			case !p.mayManage(*who):
				return ErrForbidden
			case p.person.ID == id:
				return fmt.Errorf("nobody can disable themself: %w", ErrInvalid)
			}
			if disabled && who.Role == RoleAdmin {
				if err := g.otherAdmin(ctx, tx, id); err != nil {
					return err
				}
			}
			who.Disabled = disabled
			if disabled {
				who.SignedOutAt = g.now()
			}
			return nil
		})
	})
	return wrap("set disabled", err)
}

// SignOutEverywhere ends a person's sessions: oneself, staff for contacts, admins for all.
func (g *Gateway) SignOutEverywhere(ctx context.Context, a Actor, id ID) error {
	return wrap("sign out everywhere", g.change(ctx, a, id, "person.signout", func(p principal, who *Person) error {
		if p.person.ID != id && !p.mayManage(*who) {
			return ErrForbidden
		}
		who.SignedOutAt = g.now()
		return nil
	}))
}

// Proof is by what a person shows that they, and not whoever found their browser open, set a password.
type Proof struct {
	Password string    // the old one
	CodeAt   time.Time // or when they signed in to this session by a code; zero if they did otherwise
}

// CodeProof is for how long a sign-in by code is proof enough to set a password.
const CodeProof = 10 * time.Minute

// byCode reports whether the person signed in by a code a moment ago, and was not signed out since.
func (p Proof) byCode(who Person, now time.Time) bool {
	return p.CodeAt.After(who.SignedOutAt) && !p.CodeAt.After(now) && now.Sub(p.CodeAt) < CodeProof
}

// SetPassword sets a person's password and ends their sessions. One sets one's own by showing the old one, or by having signed in by a
// code within CodeProof, and a first one only so; ErrWrongCode without. Admins set it for staff. Contacts' passwords are nobody's business
// but theirs.
func (g *Gateway) SetPassword(ctx context.Context, a Actor, id ID, proof Proof, pass string) error {
	var hash string
	var own, byCode bool
	err := g.store.View(ctx, func(tx Tx) error {
		p, err := g.resolve(ctx, tx, a)
		if err != nil {
			return err
		}
		if own = p.person.ID == id; !own {
			return g.mayResetPassword(ctx, tx, p, id)
		}
		byCode = proof.byCode(p.person, g.now())
		hash, err = tx.PasswordHash(ctx, id)
		if errors.Is(err, ErrNotFound) {
			err = nil
		}
		return err
	})
	if err != nil {
		return wrap("set password", err)
	}
	if own && !byCode && hash == "" {
		return fmt.Errorf("set password: no fresh sign-in by code: %w", ErrWrongCode)
	}
	if own && !byCode {
		if err := g.limit(ctx, "password:"+id.String(), 10); err != nil {
			return wrap("set password", err)
		}
		ok, _, err := g.hasher.Verify(ctx, hash, proof.Password)
		if err != nil {
			return wrap("set password", err)
		}
		if !ok {
			return fmt.Errorf("set password: the old password: %w", ErrWrongCode)
		}
	}
	if pass == "" {
		return fmt.Errorf("set password: a password is needed: %w", ErrInvalid)
	}
	fresh, err := g.hash(ctx, pass)
	if err != nil {
		return wrap("set password", err)
	}
	err = g.store.Update(ctx, func(tx Tx) error {
		return g.changeIn(ctx, tx, a, id, "person.password", func(p principal, who *Person) error {
			if p.person.ID != id {
				if err := g.mayResetPassword(ctx, tx, p, id); err != nil {
					return err
				}
			}
			if byCode && !proof.byCode(*who, g.now()) {
				return fmt.Errorf("the sign-in by code is over: %w", ErrWrongCode)
			}
			who.SignedOutAt = g.now()
			return tx.SetPasswordHash(ctx, id, fresh)
		})
	})
	return wrap("set password", err)
}

func (g *Gateway) mayResetPassword(ctx context.Context, tx Tx, p principal, id ID) error {
	if !p.isAdmin() {
		return ErrForbidden
	}
	who, err := tx.Person(ctx, id)
	if err == nil && who.Kind != Staff {
		err = ErrForbidden
	}
	return err
}

// hash checks and hashes a password; nothing for none.
func (g *Gateway) hash(ctx context.Context, pass string) (string, error) {
	if pass == "" {
		return "", nil
	}
	if err := password.Check(pass); err != nil {
		return "", fmt.Errorf("%w: %w", err, ErrInvalid)
	}
	return g.hasher.Hash(ctx, pass)
}

// mayManage reports whether the principal may change another person.
func (p principal) mayManage(who Person) bool {
	return p.isAdmin() || (p.isStaff() && who.Kind == Contact)
}

// change loads a person, lets set decide and alter, and stores and audits the result.
func (g *Gateway) change(ctx context.Context, a Actor, id ID, action string, set func(principal, *Person) error) error {
	return g.store.Update(ctx, func(tx Tx) error { return g.changeIn(ctx, tx, a, id, action, set) })
}

func (g *Gateway) changeIn(ctx context.Context, tx Tx, a Actor, id ID, action string, set func(principal, *Person) error) error {
	p, err := g.resolve(ctx, tx, a)
	if err != nil {
		return err
	}
	if !p.isStaff() && p.person.ID != id {
		return ErrForbidden
	}
	who, err := tx.Person(ctx, id)
	if err != nil {
		return err
	}
	if err := set(p, &who); err != nil {
		return err
	}
	if err := tx.UpdatePerson(ctx, who); err != nil {
		return err
	}
	e := AuditEntry{Action: action, Person: id}
	if action == "staff.role" {
		e.Detail = string(who.Role) // by which the integrity check knows it
	}
	return g.audit(ctx, tx, p, e)
}

// otherAdmin returns ErrConflict unless there is another admin who can sign in.
func (g *Gateway) otherAdmin(ctx context.Context, tx Tx, id ID) error {
	admins, err := g.admins(ctx, tx)
	if err != nil {
		return err
	}
	for _, p := range admins {
		if p.ID != id {
			return nil
		}
	}
	return fmt.Errorf("this is the last admin: %w", ErrConflict)
}

// admins returns the admins who are not disabled.
func (g *Gateway) admins(ctx context.Context, tx Tx) ([]Person, error) {
	var out []Person
	var after Cursor
	for {
		people, err := tx.ListPeople(ctx, Staff, after, 200)
		if err != nil {
			return nil, err
		}
		for _, p := range people {
			if p.Role == RoleAdmin && !p.Disabled {
				out = append(out, p)
			}
		}
		if len(people) < 200 {
			return out, nil
		}
		last := people[len(people)-1]
		after = Cursor{At: last.CreatedAt, ID: last.ID}
	}
}
