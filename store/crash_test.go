package store_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"letterlock/bridge"
	"letterlock/store"
	"letterlock/store/seal"
)

// crashFolder tells a copy of this test program to be the process that is killed.
const crashFolder = "LETTERLOCK_CRASH_FOLDER"

func TestMain(m *testing.M) {
	if folder := os.Getenv(crashFolder); folder != "" {
		writeUntilKilled(folder)
	}
	os.Exit(m.Run())
}

// writeUntilKilled writes messages from many goroutines, and says of each on standard output that it was kept once it was.
func writeUntilKilled(folder string) {
	ctx := context.Background()
	keys, err := seal.Load(filepath.Join(folder, "keys.json"))
	if err != nil {
		panic(err)
	}
	d, err := store.Open(ctx, store.Config{Path: filepath.Join(folder, "letterlock.db"), Keys: keys})
	if err != nil {
		panic(err)
	}
	now := time.Now()
	for w := range 8 {
		go func() {
			th := bridge.Thread{ID: bridge.NewID(), Status: bridge.Open, CreatedAt: now, LastAt: now}
			if err := d.Update(ctx, func(tx bridge.Tx) error { return tx.AddThread(ctx, th) }); err != nil {
				panic(err)
			}
			for i := 0; ; i++ {
				m := bridge.Message{ID: bridge.NewID(), Thread: th.ID, Kind: bridge.Public, At: now, Text: fmt.Sprint("message ", i)}
				size := 100
				if i%10 == 0 {
					size = 70_000 // a file too
				}
				b, err := d.StageBlob(ctx, strings.NewReader(m.ID.String()+strings.Repeat("x", size)))
				if err != nil {
					panic(err)
				}
				m.Attachments = []bridge.Attachment{{ID: bridge.NewID(), Filename: "x", Blob: b}}
				if err := d.Update(ctx, func(tx bridge.Tx) error { return tx.AddMessage(ctx, &m) }); err != nil {
					panic(err)
				}
				fmt.Printf("%d %s %d\n", w, m.ID, m.Seq)
			}
		}()
	}
	select {}
}

// TestKilledProcessesLoseNothing kills a process while it writes, several times over the same database, and looks for
// everything that it said was kept.
func TestKilledProcessesLoseNothing(t *testing.T) {
	folder := t.TempDir()
	keys, err := seal.Create(filepath.Join(folder, "keys.json"))
	if err != nil {
		t.Fatal(err)
	}
	kept := map[string]string{} // message id: seq
	for round := range 5 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), crashFolder+"="+folder)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		kill := sync.OnceFunc(func() { cmd.Process.Kill() })
		timeout := time.AfterFunc(30*time.Second, kill)
		lines := 0
		for scan := bufio.NewScanner(out); scan.Scan(); {
			f := strings.Fields(scan.Text())
			if len(f) != 3 {
				continue // the line that was cut off
			}
			kept[f[1]] = f[2]
			if lines++; lines == 100+37*round {
				kill()
			}
		}
		timeout.Stop()
		if err := cmd.Wait(); err == nil {
			t.Fatal("the process ended by itself")
		}
		if lines < 100 {
			t.Fatalf("round %d: only %d writes were acknowledged", round, lines)
		}
	}
	path := filepath.Join(folder, "letterlock.db")
	checkKept(t, path, keys, kept)
	// What was staged and not attached when a process died goes a day later, and nothing else.
	if err := openAt(t, path, keys).Sweep(t.Context(), time.Now().Add(25*time.Hour)); err != nil {
		t.Fatal(err)
	}
	checkKept(t, path, keys, kept)
}

// checkKept looks for all messages that were acknowledged, by id, with their numbers and their files.
func checkKept(t *testing.T, path string, keys *seal.Keyring, kept map[string]string) {
	t.Helper()
	d := openAt(t, path, keys)
	err := d.View(t.Context(), func(tx bridge.Tx) error {
		for id, seq := range kept {
			key, err := bridge.ParseID(id)
			if err != nil {
				return err
			}
			m, err := tx.Message(t.Context(), key)
			if errors.Is(err, bridge.ErrNotFound) {
				t.Errorf("message %s was acknowledged and is lost", id)
				continue
			}
			if err != nil {
				return err
			}
			th, err := tx.Thread(t.Context(), m.Thread)
			if err != nil {
				return err
			}
			if got := fmt.Sprint(m.Seq); got != seq || th.Seq < m.Seq {
				t.Errorf("message %s: got number %s of %d, want %s", id, got, th.Seq, seq)
			}
			r, err := d.OpenBlob(t.Context(), m.Attachments[0].Blob)
			if err != nil {
				t.Errorf("message %s: its file: %v", id, err)
				continue
			}
			if n, err := io.Copy(io.Discard, r); err != nil || n != m.Attachments[0].Blob.Size {
				t.Errorf("message %s: its file has %d octets (%v), want %d", id, n, err, m.Attachments[0].Blob.Size)
			}
			r.Close()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestTwoProcessesOpenAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "letterlock.db")
	keys := keyring(t)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			d, err := store.Open(t.Context(), store.Config{Path: path, Keys: keys})
			if err != nil {
				t.Error(err)
				return
			}
			defer d.Close()
			for j := range 20 {
				err := d.Update(t.Context(), func(tx bridge.Tx) error { return tx.SetSetting(t.Context(), fmt.Sprint(i, " ", j), "x") })
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	d := openAt(t, path, keys)
	err := d.View(t.Context(), func(tx bridge.Tx) error {
		for i := range 4 {
			for j := range 20 {
				if _, err := tx.Setting(t.Context(), fmt.Sprint(i, " ", j)); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
