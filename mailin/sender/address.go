package sender

import (
	"context"
	"errors"
	"fmt"

	"letterlock/bridge"
	"letterlock/bridge/mailaddr"
)

// MethodAddress is the Verdict.Method of AddressPolicy.
const MethodAddress = bridge.MethodAddress

// AddressPolicy takes the From field at its word if it is one mailbox, written plainly, and equal to the address that the reply address
// belongs to. So a secret reply address and a public From address prove the author together, and neither alone.
//
// Where nothing is claimed (mail to an inbox address that starts a thread) it passes the From address as it stands. Anybody can
// write that, so this policy is for the demo and for closed networks, where nobody outside can send at all. A From field that is not one
// plain mailbox is rejected here, too.
type AddressPolicy struct{}

var _ Judge = AddressPolicy{}

// Judge implements Judge. It asks nobody, so it never answers VerdictTemporary.
func (AddressPolicy) Judge(_ context.Context, _ bridge.Envelope, _ Peer, raw []byte, mail *bridge.Mail, claim bridge.Claim) bridge.Verdict {
	author, err := author(raw, mail)
	if err != nil {
		return bridge.Verdict{Result: bridge.VerdictReject, Method: MethodAddress, Reasons: []string{"from: " + err.Error()}}
	}
	if claim.Address == "" {
		return pass(author, "address: From is one plain mailbox, and nothing else was asked for")
	}
	if author != mailaddr.Normalize(claim.Address) {
		return fail("address: From is not the participant whose reply address this is")
	}
	return pass(author, "address: From is the participant whose reply address this is")
}

// author returns the one address of the one From field, normalised. The field is read twice, by the parser of the mail and by the
// strict reading here, and both must find the same: what two programs read differently is how a forged author gets in.
func author(raw []byte, mail *bridge.Mail) (string, error) {
	fields, err := fieldsNamed(raw, "from")
	if err != nil {
		return "", err
	}
	if n := len(fields); n != 1 {
		return "", fmt.Errorf("the mail has %d From fields", n)
	}
	strict, err := plainMailbox(fields[0])
	if err != nil {
		return "", err
	}
	if mail == nil || len(mail.From) != 1 {
		return "", errors.New("the From field does not read as one mailbox")
	}
	address := mailaddr.Normalize(strict)
	if mailaddr.Normalize(mail.From[0].Addr) != address {
		return "", errors.New("the From field can be read in more than one way")
	}
	return address, nil
}

func pass(address, reason string) bridge.Verdict {
	return bridge.Verdict{Result: bridge.VerdictPass, Address: address, Method: MethodAddress, Reasons: []string{reason}}
}

func fail(reason string) bridge.Verdict {
	return bridge.Verdict{Result: bridge.VerdictFail, Method: MethodAddress, Reasons: []string{reason}}
}
