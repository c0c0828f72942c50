package bridge

import "time"

// PersonKind tells customers from those who answer them.
type PersonKind string

// The kinds of people. A Contact is on the customer's side; Staff answer, and some of them are admins.
const (
	Contact PersonKind = "contact"
	Staff   PersonKind = "staff"
)

// Role is what a member of staff, or a program's key, may do. A contact has none.
type Role string

// The roles. An admin may do all that staff may.
const (
	RoleNone  Role = ""
	RoleStaff Role = "staff"
	RoleAdmin Role = "admin"
)

// Person is somebody who can sign in. One address belongs to one person.
type Person struct {
	ID          ID
	Kind        PersonKind
	Role        Role
	Name        string // may be empty
	Address     string // addr-spec, normalised
	Locale      string // BCP 47, may be empty
	Mode        Mode   // a contact's own; it can only make things stricter
	HasPassword bool
	Disabled    bool
	CreatedAt   time.Time
	SignedInAt  time.Time // the first time; zero for somebody who has never been here
	// Unsubscribe names the person in the links that turn mails off. It is random, so that it tells nothing.
	Unsubscribe ID
	// SignedOutAt makes every session older than it void.
	SignedOutAt time.Time
}

// DisplayName returns the name, or the address where there is none.
func (p Person) DisplayName() string {
	if p.Name != "" {
		return p.Name
	}
	return p.Address
}

// APIKey lets a program act for the organization. Its secret is shown once and kept only as a hash.
type APIKey struct {
	ID         ID
	Name       string
	Role       Role
	SecretHash [32]byte // SHA-256
	CreatedBy  ID
	CreatedAt  time.Time
	LastUsedAt time.Time // to the minute or so
	RevokedAt  time.Time // zero while it works
}
