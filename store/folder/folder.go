// Package folder makes the names of files last: what was written, renamed or removed in a folder is on the disk only once the folder is.
package folder

import (
	"errors"
	"os"
	"runtime"
)

// Sync returns once the names in the folder at path are on the disk.
func Sync(path string) error {
	if runtime.GOOS == "windows" {
		return nil // a folder can't be synced there
	}
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
