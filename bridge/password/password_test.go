package password

import (
	"context"
	"encoding/hex"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

func TestHashAndVerify(t *testing.T) {
	h := New(0)
	ctx := t.Context()
	const chosen = "a grey heron by the weir"
	hash, err := h.Hash(ctx, chosen)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Fatalf("the hash is written %q", hash)
	}
	again, err := h.Hash(ctx, chosen)
	if err != nil || again == hash {
		t.Fatalf("two hashes of one password are equal, or %v", err)
	}
	for _, c := range []struct {
		password string
		ok       bool
	}{
		{chosen, true},
		{"a grey heron\u00a0by the weir", true}, // a no-break space, as some keyboards make
		{chosen + " ", false},
		{"A grey heron by the weir", false},
		{"", false},
		{chosen + strings.Repeat("x", 1<<20), false},
		{"\xff\xfe", false},
	} {
		ok, rehash, err := h.Verify(ctx, hash, c.password)
		if err != nil || ok != c.ok || rehash {
			t.Errorf("%.30q: got %v, rehash %v, %v", c.password, ok, rehash, err)
		}
	}
}

func TestComposedAndDecomposedAreTheSamePassword(t *testing.T) {
	h := New(1)
	hash, err := h.Hash(t.Context(), "Äpfel und Öl")
	if err != nil {
		t.Fatal(err)
	}
	ok, _, err := h.Verify(t.Context(), hash, "A\u0308pfel und O\u0308l")
	if !ok || err != nil {
		t.Fatalf("got %v, %v", ok, err)
	}
}

func TestVerifyAsksForARehash(t *testing.T) {
	for _, p := range []phc{
		{memory: 8192, passes: 2, lanes: 1},
		{memory: memory, passes: 3, lanes: 1},
		{memory: memory, passes: 2, lanes: 2},
	} {
		p.salt = []byte("0123456789abcdef")
		p.key = argon2.IDKey([]byte("an old password"), p.salt, p.passes, p.memory, p.lanes, keyLen)
		ok, rehash, err := New(1).Verify(t.Context(), p.String(), "an old password")
		if err != nil || !ok || !rehash {
			t.Errorf("%s: got %v, rehash %v, %v", p, ok, rehash, err)
		}
		// A wrong password never asks for it.
		if ok, rehash, err = New(1).Verify(t.Context(), p.String(), "another password"); err != nil || ok || rehash {
			t.Errorf("%s: wrong password: got %v, rehash %v, %v", p, ok, rehash, err)
		}
	}
}

// The keyed bytes are pinned, so that an upgrade of the library can't lock everybody out unseen.
func TestKnownHash(t *testing.T) {
	const hash = "$argon2id$v=19$m=19456,t=2,p=1$AAECAwQFBgcICQoLDA0ODw$"
	salt, _ := hex.DecodeString("000102030405060708090a0b0c0d0e0f")
	full := hash + encoding.EncodeToString(argon2.IDKey([]byte("a pinned password"), salt, 2, 19456, 1, 32))
	const want = "7UPJa04u3wuKaS5WVFkknxwwHZupzk5PeTyI+2gr5mo"
	if got := strings.TrimPrefix(full, hash); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		password string
		want     error
	}{
		{"a grey heron by the weir", nil},
		{"parapluie-vert", nil},
		{"пароль из слов", nil},
		{"🐢🐢🐢🐢🐢🐢🐢🐢🐢🐇", nil},
		{strings.Repeat("ab", 100), nil},
		{"", ErrTooShort},
		{"ninechars", ErrTooShort},
		{strings.Repeat("e\u0301", 9), ErrTooShort}, // nine characters, however many octets
		{strings.Repeat("ab", 100) + "c", ErrTooLong},
		{strings.Repeat("ab", 1<<20), ErrTooLong},
		{"aaaaaaaaaaaa", ErrRepeated},
		{"ßßßßßßßßßßßß", ErrRepeated},
		{"            ", ErrRepeated},
		{"Password123", ErrCommon},
		{"QWERTYUIOP", ErrCommon},
		{"1234567890", ErrCommon},
		{"a tab\tand more", ErrUnreadable},
		{"a NUL\x00and more", ErrUnreadable},
		{"not UTF-8 \xff here", ErrUnreadable},
	} {
		if got := Check(c.password); !errors.Is(got, c.want) {
			t.Errorf("%.30q: got %v, want %v", c.password, got, c.want)
		}
		if c.want != nil {
			if _, err := New(1).Hash(t.Context(), c.password); !errors.Is(err, c.want) {
				t.Errorf("Hash takes %.30q: %v", c.password, err)
			}
		}
	}
	for word := range strings.FieldsSeq(common) {
		if err := Check(word); !errors.Is(err, ErrCommon) {
			t.Errorf("%q is listed but answered with %v", word, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	const good = "$argon2id$v=19$m=19456,t=2,p=1$AAECAwQFBgcICQoLDA0ODw$AAECAwQFBgcICQoLDA0ODwABAgMEBQYHCAkKCwwNDg8"
	if _, err := parse(good); err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{
		{"argon2id", "argon2i"},
		{"v=19", "v=16"},
		{"m=19456", "m=65537"},
		{"m=19456", "m=99999999999"},
		{"m=19456", "m=0"},
		{"m=19456", "m=7"},
		{"m=19456", "m=-1"},
		{"m=19456", "m=019456"},
		{"m=19456", "m=+19456"},
		{"t=2", "t=0"},
		{"t=2", "t=11"},
		{"p=1", "p=0"},
		{"p=1", "p=5"},
		{"p=1", "p=1,x=1"},
		{"m=19456,t=2", "t=2,m=19456"},
		{"AAECAwQFBgcICQoLDA0ODw$", "$"},
		{"AAECAwQFBgcICQoLDA0ODw$", "AAEC\nAwQFBgcICQoLDA0ODw$"},
		{"AAECAwQFBgcICQoLDA0ODw$", "AAECAwQFBgcICQoLDA0ODw==$"},
		{"AAECAwQFBgcICQoLDA0ODw$", "AAECAwQFBgcICQoLDA0ODx$"}, // stray bits
		{"$argon2id", "argon2id"},
		{"Dg8", "Dg8$"},
		{"Dg8", strings.Repeat("A", 300)},
	} {
		s := strings.Replace(good, change[0], change[1], 1)
		if _, err := parse(s); err == nil {
			t.Errorf("%q was taken", s)
		}
		if ok, _, err := New(1).Verify(t.Context(), s, "whatever"); ok || err == nil {
			t.Errorf("%q verified: %v, %v", s, ok, err)
		} else if strings.Contains(err.Error(), "AAEC") {
			t.Errorf("the error shows the hash: %v", err)
		}
	}
	for _, s := range []string{"", "$", "$$$$$", "plain", strings.Repeat("$", 1<<16)} {
		if _, err := parse(s); err == nil {
			t.Errorf("%.20q was taken", s)
		}
	}
}

func TestOnlySoManyAtOnce(t *testing.T) {
	h := New(1)
	h.slots <- struct{}{} // somebody else's turn
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := h.Dummy(ctx, "whatever"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Dummy did not wait for its turn: %v", err)
	}
	if _, err := h.Hash(ctx, "a grey heron by the weir"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Hash did not wait for its turn: %v", err)
	}
	<-h.slots

	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := h.Dummy(t.Context(), "whatever"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(h.slots) != 0 {
		t.Error("a slot was not given back")
	}
}

func FuzzParse(f *testing.F) {
	f.Add("$argon2id$v=19$m=19456,t=2,p=1$AAECAwQFBgcICQoLDA0ODw$AAECAwQFBgcICQoLDA0ODwABAgMEBQYHCAkKCwwNDg8")
	f.Add("$argon2id$v=19$m=8,t=1,p=1$AAECAwQFBgc$AAECAwQFBgcICQoLDA0ODw")
	f.Add("$argon2id$v=19$m=,t=,p=$$")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := parse(s)
		if err != nil {
			return
		}
		if p.String() != s {
			t.Errorf("%q is read as %q", s, p)
		}
		if p.memory > maxMemory || p.memory < 8*uint32(p.lanes) || p.passes > maxPasses || p.passes < 1 || p.lanes > maxLanes || p.lanes < 1 {
			t.Errorf("%q is out of bounds", s)
		}
	})
}

func FuzzCheck(f *testing.F) {
	f.Add("a grey heron by the weir")
	f.Add("e\u0301\u0301\u0301")
	f.Fuzz(func(t *testing.T, s string) {
		err := Check(s)
		if n := normalize(s); len(s) <= maxOctets && utf8.ValidString(s) && Check(n) != err {
			t.Errorf("%q and its normal form %q are judged differently", s, n)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	h := New(1)
	hash, err := h.Hash(b.Context(), "a grey heron by the weir")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := h.Verify(b.Context(), hash, "a grey heron by the heir"); err != nil {
			b.Fatal(err)
		}
	}
}
