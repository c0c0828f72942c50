package web

import (
	"io"
	"testing"

	"letterlock/bridge"
	"letterlock/store"
	"letterlock/store/sqlitetest"
)

func gatewayOf(t *testing.T) *bridge.Gateway {
	t.Helper()
	path, keys := sqlitetest.New(t)
	db, err := store.Open(t.Context(), store.Config{Path: path, Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	g, err := bridge.New(bridge.Config{Store: db, Keyring: keys, Domain: "example.com", BaseURL: "http://127.0.0.1:8080", Organization: "Harbour Clinic"})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func parseNothing(io.Reader) (*bridge.Mail, error) { return &bridge.Mail{}, nil }
