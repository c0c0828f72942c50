package folder

import (
	"errors"
	"io/fs"
	"path/filepath"
	"testing"
)

func TestSync(t *testing.T) {
	here := t.TempDir()
	if err := Sync(here); err != nil {
		t.Error(err)
	}
	if err := Sync(filepath.Join(here, "nowhere")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
}
