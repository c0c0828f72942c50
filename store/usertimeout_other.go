//go:build !linux

package store

import "syscall"

// userTimeout does nothing here: keep-alives, and the time that one statement may take, have to do.
func userTimeout(string, string, syscall.RawConn) error { return nil }
