package portal

import "testing"

func TestMask(t *testing.T) {
	for address, want := range map[string]string{
		"mina@example.org": "m•••@example.org", "élan@example.org": "é•••@example.org", "@x": "the address", "": "the address", "none": "the address", `"a@b"@c`: `"•••@c`,
	} {
		if got := mask(address); got != want {
			t.Errorf("mask(%q): got %q, want %q", address, got, want)
		}
	}
}
