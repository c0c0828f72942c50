// Package password keeps passwords as Argon2id hashes (RFC 9106) in the PHC string format, and says which passwords are too weak.
//
// One hash takes 19 MiB and some tens of milliseconds, so a [Hasher] lets only a few be made at a time. The package knows
// nothing of people, sessions or rate limits: whoever calls it limits how often somebody may try.
package password

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// What new hashes are made with: the second of the equivalent choices in OWASP's Password Storage Cheat Sheet.
const (
	memory  = 19 * 1024 // KiB
	passes  = 2
	lanes   = 1
	saltLen = 16
	keyLen  = 32
)

// How long a password may be, in characters after normalisation. The shorter bound follows NIST SP 800-63B in spirit: length
// counts, and no particular kinds of characters are demanded.
const (
	MinLength = 10
	MaxLength = 200
)

// maxOctets bounds what is looked at at all. MaxLength characters of four octets, before composition, fit many times.
const maxOctets = 4096

// Why a password is not taken. Each is a sentence that may be shown to the person who chose it.
var (
	ErrTooShort   = fmt.Errorf("a password needs at least %d characters", MinLength)
	ErrTooLong    = fmt.Errorf("a password has at most %d characters", MaxLength)
	ErrUnreadable = errors.New("a password can't contain control characters")
	ErrRepeated   = errors.New("a password needs more than one character repeated")
	ErrCommon     = errors.New("this password is one of the first that anybody would guess")
)

// common holds the commonest passwords of at least MinLength characters, in lower case.
const common = " 1234567890 0123456789 12345678910 0987654321 9876543210 1234512345 1122334455 123456789a a123456789" +
	" 123456789q q123456789 1q2w3e4r5t 1q2w3e4r5t6y 1qaz2wsx3edc qwertyuiop qwertzuiop azertyuiop qwerty12345 qwerty123456" +
	" qwertyuiop123 asdfghjkl1 asdfghjkl; zxcvbnm123 password12 password123 password123! password1234 password12345" +
	" password123456 password01 password1! passw0rd123 p@ssw0rd123 p@ssword123 passwordpassword passwort123 passwort1234" +
	" motdepasse motdepasse123 contraseña contrasena wachtwoord wachtwoord123 letmein123 letmein1234 welcome123 welcome1234" +
	" willkommen willkommen1 admin12345 admin123456 adminadmin administrator changeme123 changemenow iloveyou123 iloveyou12" +
	" abcdefghij abcdefghijk abcd123456 abc1234567 abcde12345 test123456 testtest123 football123 baseball123 princess123 sunshine123" +
	" letterlock letterlock1 letterlock123 correcthorsebatterystaple "

// Hasher makes and checks hashes, a bounded number at a time. It is safe for concurrent use.
type Hasher struct {
	slots chan struct{}
}

// New returns a Hasher that makes at most so many hashes at once, each taking 19 MiB while it is made. Zero means one for each
// processor, and at most four.
func New(concurrent int) *Hasher {
	if concurrent <= 0 {
		concurrent = min(runtime.GOMAXPROCS(0), 4)
	}
	return &Hasher{slots: make(chan struct{}, concurrent)}
}

// Hash returns the PHC string to keep for a password. It refuses what Check refuses, and waits for its turn until ctx ends.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	if err := Check(password); err != nil {
		return "", err
	}
	salt := make([]byte, saltLen)
	rand.Read(salt) // never fails: it ends the program instead
	p := phc{memory: memory, passes: passes, lanes: lanes, salt: salt}
	key, err := h.derive(ctx, p, keyLen, password)
	if err != nil {
		return "", fmt.Errorf("hash a password: %w", err)
	}
	p.key = key
	return p.String(), nil
}

// Verify reports whether a password is the one that hash was made of. When it is, rehash tells that the hash was made with other
// parameters than today's: the caller hashes the password anew and keeps that. An error means that the hash can't be read, or
// that ctx ended while waiting; a wrong password is no error.
func (h *Hasher) Verify(ctx context.Context, hash, password string) (ok, rehash bool, err error) {
	p, err := parse(hash)
	if err != nil {
		return false, false, fmt.Errorf("verify a password: %w", err)
	}
	key, err := h.derive(ctx, p, len(p.key), password)
	if err != nil {
		return false, false, fmt.Errorf("verify a password: %w", err)
	}
	if subtle.ConstantTimeCompare(key, p.key) != 1 {
		return false, false, nil
	}
	old := p.memory != memory || p.passes != passes || p.lanes != lanes || len(p.salt) != saltLen || len(p.key) != keyLen
	return true, old, nil
}

// Dummy takes as long as Verify does with a hash of today's parameters, and verifies nothing. Call it for a person who is unknown
// or has no password, so that the time of an answer does not tell who is known.
func (h *Hasher) Dummy(ctx context.Context, password string) error {
	p := phc{memory: memory, passes: passes, lanes: lanes, salt: make([]byte, saltLen)}
	key, err := h.derive(ctx, p, keyLen, password)
	if err != nil {
		return fmt.Errorf("verify a password: %w", err)
	}
	subtle.ConstantTimeCompare(key, make([]byte, keyLen))
	return nil
}

// derive runs Argon2id when a slot is free. What nobody can have chosen counts as the empty password, which nobody can have chosen
// either, so that it takes the same time and never matches.
func (h *Hasher) derive(ctx context.Context, p phc, size int, password string) ([]byte, error) {
	if len(password) > maxOctets || !utf8.ValidString(password) {
		password = ""
	}
	input := []byte(normalize(password))
	select {
	case h.slots <- struct{}{}:
	default:
		select {
		case h.slots <- struct{}{}:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	defer func() { <-h.slots }()
	return argon2.IDKey(input, p.salt, p.passes, p.memory, p.lanes, uint32(size)), nil
}

// Check returns nil for a password that may be chosen, or one of this package's errors that says what is wrong with it.
func Check(password string) error {
	if len(password) > maxOctets {
		return ErrTooLong
	}
	if !utf8.ValidString(password) {
		return ErrUnreadable
	}
	p := normalize(password)
	if strings.ContainsFunc(p, unicode.IsControl) {
		return ErrUnreadable
	}
	switch n := utf8.RuneCountInString(p); {
	case n < MinLength:
		return ErrTooShort
	case n > MaxLength:
		return ErrTooLong
	}
	first, size := utf8.DecodeRuneInString(p)
	if strings.Trim(p[size:], string(first)) == "" {
		return ErrRepeated
	}
	if lower := strings.ToLower(p); !strings.Contains(lower, " ") && strings.Contains(common, " "+lower+" ") {
		return ErrCommon
	}
	return nil
}

// normalize makes what different keyboards send for the same password equal, as the OpaqueString profile does (RFC 8265,
// section 4.2): every space becomes U+0020, and the text is composed (NFC). Unlike the profile it takes characters that this
// version of Unicode does not know, since a new emoji must not lock anybody out.
func normalize(password string) string {
	spaced := strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Zs, r) {
			return ' '
		}
		return r
	}, password)
	return norm.NFC.String(spaced)
}
