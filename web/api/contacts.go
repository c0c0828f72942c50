package api

import (
	"context"
	"net/http"
	"time"

	"letterlock/bridge"
)

// Contact is a person on the customers' side.
type Contact struct {
	ID        string    `json:"id" format:"uuid" doc:"The contact's id." example:"019a9f3e-0b1c-7d3e-8f4a-5b6c7d8e9f01"`
	Name      string    `json:"name" doc:"Their name; may be empty." example:"Ann Ardern"`
	Address   string    `json:"address" doc:"Their email address, as it is compared: in lower case." example:"ann@example.org"`
	Locale    string    `json:"locale,omitempty" doc:"The language that they get mail in (BCP 47)." example:"en"`
	Mode      string    `json:"mode" enum:"inherit,secure,convenience" doc:"Their own mode; it can only be stricter than the organization's." example:"inherit"`
	Disabled  bool      `json:"disabled" doc:"Whether they can't sign in or write any more." example:"false"`
	CreatedAt time.Time `json:"created_at" doc:"Since when they are known." example:"2026-11-19T15:04:05Z"`
	Mails     Mails     `json:"mails" doc:"Which mails they chose to get."`
	MailStop  *MailStop `json:"mail_stop,omitempty" doc:"Why nothing but sign-in codes is mailed to them; absent while mail leaves."`
}

// Mails is which mails a contact chose to get. Nobody else can choose for them.
type Mails struct {
	Notify         string     `json:"notify" enum:"each,none" doc:"each: one for every new message. none: they look themselves. Sign-in codes and a first notice leave whatever they chose." example:"each"`
	Reminders      bool       `json:"reminders" doc:"Whether they are reminded of what is unread." example:"true"`
	UnsubscribedAt *time.Time `json:"unsubscribed_at,omitempty" doc:"When the link in a mail turned them off; absent if none did since they last chose for themselves." example:"2026-11-20T10:00:00Z"`
}

// MailStop says why nothing is mailed to an address any more.
type MailStop struct {
	Since  time.Time `json:"since" doc:"Since when." example:"2026-11-20T10:00:00Z"`
	Reason string    `json:"reason" enum:"bounce,complaint" doc:"bounce: the address was refused for good. complaint: a mail to it was reported as unwanted." example:"bounce"`
	Said   string    `json:"said,omitempty" doc:"What the address's mail server said." example:"550 5.1.1 no such mailbox"`
}

// ContactList is one page of the list of contacts.
type ContactList struct {
	Contacts []Contact `json:"contacts" nullable:"false" doc:"Newest first."`
	Next     string    `json:"next,omitempty" doc:"The cursor of the next page; absent at the end." example:"AAZDV9x0cAABmp8-fBp7Up0OPxxae54h"`
}

// ContactDraft is the request to add a contact.
type ContactDraft struct {
	Address string `json:"address" minLength:"3" maxLength:"320" doc:"Their email address." example:"ann@example.org"`
	Name    string `json:"name,omitempty" maxLength:"200" doc:"Their name." example:"Ann Ardern"`
	Locale  string `json:"locale,omitempty" maxLength:"35" pattern:"^[A-Za-z0-9-]*$" doc:"The language that they get mail in (BCP 47)." example:"en"`
}

// ContactPath holds the parameter of every path below a contact.
type ContactPath struct {
	Contact string `path:"contact" maxLength:"100" doc:"The contact's id." example:"019a9f3e-0b1c-7d3e-8f4a-5b6c7d8e9f01"`
}

type contactAnswer struct{ Body Contact }

type createdContact struct {
	Created
	Body Contact
}

func contactOf(p bridge.Person, m bridge.Mailing) Contact {
	c := Contact{
		ID: p.ID.String(), Name: p.Name, Address: p.Address, Locale: p.Locale, Mode: modeWord(p.Mode), Disabled: p.Disabled, CreatedAt: p.CreatedAt.UTC(),
		Mails: Mails{Notify: string(m.Choices.Notify), Reminders: m.Choices.Reminders(), UnsubscribedAt: moment(m.Choices.OffAt)},
	}
	if m.Stop != nil {
		c.MailStop = &MailStop{Since: m.Stop.At.UTC(), Reason: string(m.Stop.Cause), Said: m.Stop.Said}
	}
	return c
}

func (s *server) registerContacts() {
	register(s, operation{
		id: "list-contacts", method: http.MethodGet, path: "/contacts", tag: "Contacts", summary: "List contacts",
		about: "All contacts, newest first.",
	}, s.listContacts)
	register(s, operation{
		id: "add-contact", method: http.MethodPost, path: "/contacts", tag: "Contacts", summary: "Add a contact",
		about: "An address that is somebody's already is a conflict. Starting a thread with a new address adds the contact too.", status: http.StatusCreated,
		may: []kind{conflict},
	}, s.addContact)
	register(s, operation{
		id: "get-contact", method: http.MethodGet, path: "/contacts/{contact}", tag: "Contacts", summary: "Read a contact",
		about: "One contact.",
	}, s.getContact)
	register(s, operation{
		id: "clear-mail-stop", method: http.MethodDelete, path: "/contacts/{contact}/mail-stop", tag: "Contacts", summary: "Let mail leave to a contact again",
		about:  "For an address that was refused, or reported mail as unwanted, once somebody knows that it works and that mail is welcome. What was not sent meanwhile is not sent by it. It is no error if mail was not stopped.",
		status: http.StatusNoContent,
	}, s.clearMailStop)
}

// contactsOf returns people with what is known of the mails to them.
func (s *server) contactsOf(ctx context.Context, c caller, people ...bridge.Person) ([]Contact, error) {
	mailing, err := s.gateway.MailingOf(ctx, c.actor, people)
	if err != nil {
		return nil, err
	}
	contacts := make([]Contact, len(people))
	for i, p := range people {
		contacts[i] = contactOf(p, mailing[p.ID])
	}
	return contacts, nil
}

func (s *server) clearMailStop(ctx context.Context, c caller, in *ContactPath) (*struct{}, error) {
	person, err := id(in.Contact)
	if err != nil {
		return nil, err
	}
	if _, err := s.contactNow(ctx, c, person); err != nil {
		return nil, err
	}
	return nil, s.gateway.ClearMailStop(ctx, c.actor, person)
}

func (s *server) listContacts(ctx context.Context, c caller, in *struct{ Page }) (*struct{ Body ContactList }, error) {
	after, err := in.after()
	if err != nil {
		return nil, s.fault("query.cursor", "expected what next said")
	}
	people, next, err := s.gateway.ListPeople(ctx, c.actor, bridge.Contact, after, in.Limit)
	if err != nil {
		return nil, err
	}
	contacts, err := s.contactsOf(ctx, c, people...)
	if err != nil {
		return nil, err
	}
	return &struct{ Body ContactList }{ContactList{Contacts: contacts, Next: next.String()}}, nil
}

func (s *server) addContact(ctx context.Context, c caller, in *struct{ Body ContactDraft }) (*createdContact, error) {
	var p bridge.Person
	replayed, err := s.repeatable(c.once, func(once bridge.Once) (err error) {
		p, err = s.gateway.AddContact(ctx, c.actor, bridge.NewContact{Name: in.Body.Name, Address: in.Body.Address, Locale: in.Body.Locale, Once: once})
		return err
	})
	if err != nil {
		return nil, err
	}
	one, err := s.contactsOf(ctx, c, p)
	if err != nil {
		return nil, err
	}
	out := &createdContact{Body: one[0]}
	out.Location = Prefix + "/contacts/" + out.Body.ID
	out.replayed(replayed)
	return out, nil
}

func (s *server) getContact(ctx context.Context, c caller, in *ContactPath) (*contactAnswer, error) {
	person, err := id(in.Contact)
	if err != nil {
		return nil, err
	}
	return s.contactNow(ctx, c, person)
}

func (s *server) contactNow(ctx context.Context, c caller, person bridge.ID) (*contactAnswer, error) {
	p, err := s.gateway.PersonByID(ctx, c.actor, person)
	if err != nil {
		return nil, err
	}
	if p.Kind != bridge.Contact {
		return nil, bridge.ErrNotFound // staff are no contacts
	}
	one, err := s.contactsOf(ctx, c, p)
	if err != nil {
		return nil, err
	}
	return &contactAnswer{one[0]}, nil
}
