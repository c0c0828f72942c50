package password

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Bounds on what a stored hash may ask for, so that a hash from elsewhere can't take the machine's memory or time.
const (
	maxMemory = 64 * 1024 // KiB
	maxPasses = 10
	maxLanes  = 4
	minSalt   = 8
	maxSalt   = 64
	minKey    = 16
	maxKey    = 64
	maxPHC    = 256 // octets
)

// errPHC says that a stored hash is not one that this package could have made. It never shows the hash.
var errPHC = errors.New("the stored hash can't be read")

var encoding = base64.RawStdEncoding.Strict()

// phc is a hash and how it was made, as the PHC string format writes it:
//
//	$argon2id$v=19$m=19456,t=2,p=1$SALT$KEY
type phc struct {
	memory uint32 // KiB
	passes uint32
	lanes  uint8
	salt   []byte
	key    []byte
}

// String writes the one form that parse reads.
func (p phc) String() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.memory, p.passes, p.lanes,
		encoding.EncodeToString(p.salt), encoding.EncodeToString(p.key))
}

// parse reads what String writes, and nothing else: no other order, no leading zeros, no other variant or version.
func parse(s string) (phc, error) {
	if len(s) > maxPHC {
		return phc{}, errPHC
	}
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != "v="+strconv.Itoa(argon2.Version) {
		return phc{}, errPHC
	}
	params := strings.Split(parts[3], ",")
	if len(params) != 3 {
		return phc{}, errPHC
	}
	m, err1 := parameter(params[0], "m=", maxMemory)
	t, err2 := parameter(params[1], "t=", maxPasses)
	l, err3 := parameter(params[2], "p=", maxLanes)
	salt, err4 := encoding.DecodeString(parts[4])
	key, err5 := encoding.DecodeString(parts[5])
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		return phc{}, errPHC
	}
	// RFC 9106, section 3.1: at least 8 KiB for each lane.
	if m < 8*l || len(salt) < minSalt || len(salt) > maxSalt || len(key) < minKey || len(key) > maxKey {
		return phc{}, errPHC
	}
	p := phc{memory: m, passes: t, lanes: uint8(l), salt: salt, key: key}
	// The decoder skips line breaks, so that what it read is compared with how it would be written.
	if p.String() != s {
		return phc{}, errPHC
	}
	return p, nil
}

// parameter reads one name=number, from 1 to most.
func parameter(s, name string, most uint32) (uint32, error) {
	digits, ok := strings.CutPrefix(s, name)
	if !ok {
		return 0, errPHC
	}
	n, err := strconv.ParseUint(digits, 10, 32)
	if err != nil || n < 1 || n > uint64(most) {
		return 0, errPHC
	}
	return uint32(n), nil
}
