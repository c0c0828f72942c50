package store

import "syscall"

// userTimeout bounds how long what was sent may stay unacknowledged (TCP_USER_TIMEOUT, tcp(7)), which keep-alives do not.
func userTimeout(network, _ string, c syscall.RawConn) error {
	if len(network) < 3 || network[:3] != "tcp" {
		return nil
	}
	const tcpUserTimeout, milliseconds = 0x12, 30_000
	var failed error
	err := c.Control(func(fd uintptr) {
		failed = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, milliseconds)
	})
	if err != nil {
		return err
	}
	return failed
}
