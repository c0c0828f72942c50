package bridge_test

import (
	"testing"

	"letterlock/bridge"
	"letterlock/store"
	"letterlock/store/sqlitetest"
)

// rings counts what other processes would hear.
type rings map[string]int

func (r rings) Ring(topic string) { r[topic]++ }

func TestOtherProcessesAreWoken(t *testing.T) {
	path, keys := sqlitetest.New(t)
	db, err := store.Open(t.Context(), store.Config{Path: path, Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	bell := rings{}
	g, err := bridge.New(bridge.Config{Store: db, Keyring: keys, Domain: "example.com", BaseURL: "https://portal.example.com", Organization: "Harbour Clinic", Bell: bell})
	if err != nil {
		t.Fatal(err)
	}
	woken := func() bool {
		select {
		case <-g.Outbox():
			return true
		default:
			return false
		}
	}
	_, _, err = g.StartThread(t.Context(), bridge.AsOperator(), bridge.ThreadStart{
		Subject: "Hello", Text: "Hello.", Via: bridge.ViaAPI, Contacts: []bridge.Recipient{{Address: "ann@example.org"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if !woken() || bell[bridge.OutboxTopic] != 1 {
		t.Errorf("after a message: rung %v, want the outbox here and elsewhere, once", bell)
	}
	for topic, want := range map[string]bool{bridge.OutboxTopic: true, "": true, "something else": false} {
		g.Heard(topic)
		if got := woken(); got != want {
			t.Errorf("heard %q: the worker is woken: %v, want %v", topic, got, want)
		}
	}
	if bell[bridge.OutboxTopic] != 1 {
		t.Error("what was heard was rung again")
	}
}
