package store_test

import (
	"bufio"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"letterlock/store/seal"
)

// TestPowerLoss records every system call by which a writing process changes files, and replays them into what a disk is sure to hold at
// each moment: what was written before an fsync of the same file, and names that were made to last by an fsync of their folder.
// Whatever had been acknowledged by then must be in it. Between those moments it also lets any part of the rest reach the disk,
// pages in any order and torn in the middle, as disks do.
func TestPowerLoss(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		if os.Getenv("LETTERLOCK_TEST_REQUIRE") == "all" {
			t.Fatal("strace is not installed")
		}
		t.Skip("install strace to see what would survive a loss of power")
	}
	folder := t.TempDir()
	keys, err := seal.Create(filepath.Join(folder, "keys.json"))
	if err != nil {
		t.Fatal(err)
	}
	acks := 260 // enough for the log to be copied back into the database once
	if testing.Short() {
		acks = 60
	}
	trace := record(t, strace, folder, acks)
	now := newDisk(folder)
	rng := rand.New(rand.NewPCG(1, 2))
	kept := map[string]string{}
	checked, sinceAck, total := 0, 0, 0
	check := func(d *disk) {
		image := t.TempDir()
		if err := d.write(image); err != nil {
			t.Fatal(err)
		}
		checkKept(t, filepath.Join(image, "letterlock.db"), keys, kept)
		checked++
	}
	calls := acks/5 + 1 // between two images, about: an acknowledgement takes four calls and more
	for _, c := range trace {
		if ack := now.apply(c); ack != "" {
			f := strings.Fields(ack)
			if len(f) != 3 {
				continue
			}
			kept[f[1]], sinceAck = f[2], 0
			total++
			if total%5 == 0 {
				check(now)
			}
			continue
		}
		// Somewhere between two acknowledgements, with a part of what is under way on the disk.
		if sinceAck++; len(kept) > 0 && rng.IntN(calls) == 0 {
			check(now.tear(rng))
		}
		if t.Failed() {
			t.FailNow()
		}
	}
	if total < acks/2 || checked < 20 {
		t.Fatalf("%d acknowledgements and %d images were looked at: the record is incomplete", total, checked)
	}
	t.Logf("%d system calls, %d acknowledgements, %d images", len(trace), total, checked)
}

// call is one system call that has ended. What it could rely on began with its start.
type call struct {
	name, args string
	result     int
	start      int // how many calls had ended when it began
}

var (
	wholeCall = regexp.MustCompile(`^(\d+) +(\w+)\((.*)\) += (-?\d+)`)
	cutCall   = regexp.MustCompile(`^(\d+) +(\w+)\((.*?)(?:,? )?<unfinished \.\.\.>$`)
	restCall  = regexp.MustCompile(`^(\d+) +<\.\.\. (\w+) resumed>(.*)\) += (-?\d+)`)
)

// record runs a process that writes, until it has acknowledged so much, and returns what it did to files.
func record(t *testing.T, strace, folder string, acks int) []call {
	t.Helper()
	log := filepath.Join(t.TempDir(), "strace")
	cmd := exec.Command(strace, "-f", "-qq", "-xx", "-s", "2000000", "-o", log,
		"-e", "trace=open,openat,close,write,pwrite64,ftruncate,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat", os.Args[0])
	cmd.Env = append(os.Environ(), crashFolder+"="+folder)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	timeout := time.AfterFunc(2*time.Minute, kill)
	defer timeout.Stop()
	n := 0
	for scan := bufio.NewScanner(out); scan.Scan(); {
		if n++; n == acks {
			kill()
		}
	}
	_ = cmd.Wait() // killed
	return readTrace(t, log)
}

func readTrace(t *testing.T, log string) []call {
	t.Helper()
	f, err := os.Open(log)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var calls []call
	open := map[string]call{} // by thread
	r := bufio.NewReaderSize(f, 1<<20)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return calls
		}
		line = strings.TrimSuffix(line, "\n")
		if m := cutCall.FindStringSubmatch(line); m != nil {
			c := call{name: m[2], args: m[3], start: len(calls)}
			if c.name == "write" && strings.HasPrefix(c.args, "1, ") {
				// An acknowledgement may be seen as soon as it is under way.
				c.result = 1
				calls = append(calls, c)
				continue
			}
			if c.name == "close" {
				// The number may be another file's before the call has returned.
				calls = append(calls, c)
				continue
			}
			open[m[1]] = c
			continue
		}
		var c call
		if m := restCall.FindStringSubmatch(line); m != nil {
			begun, ok := open[m[1]]
			if !ok {
				continue
			}
			delete(open, m[1])
			c = begun
			c.args += m[3]
			c.result, _ = strconv.Atoi(m[4])
		} else if m := wholeCall.FindStringSubmatch(line); m != nil {
			c = call{name: m[2], args: m[3], start: len(calls)}
			c.result, _ = strconv.Atoi(m[4])
		} else {
			continue
		}
		calls = append(calls, c)
	}
}

// disk is a file system that keeps apart what is sure to survive.
type disk struct {
	root   string
	n      int // calls applied
	fds    map[int]*handle
	names  map[string]*inode // as the process sees them
	sure   map[string]*inode // as they are after a loss of power
	moving map[string][]func(map[string]*inode)
}

type handle struct {
	path   string
	file   *inode // nil for a folder
	offset int64
}

type inode struct {
	sure    []byte
	pending []write
}

type write struct {
	at   int // the call that did it
	off  int64
	data []byte
	cut  bool // truncate to off instead
}

func newDisk(root string) *disk {
	return &disk{root: root, fds: map[int]*handle{}, names: map[string]*inode{}, sure: map[string]*inode{}, moving: map[string][]func(map[string]*inode){}}
}

// apply carries out one call and returns what it acknowledged, if anything.
func (d *disk) apply(c call) (ack string) {
	d.n++
	if c.result < 0 {
		return ""
	}
	args := splitArgs(c.args)
	fd := func() *handle {
		n, _ := strconv.Atoi(args[0])
		return d.fds[n]
	}
	switch c.name {
	case "open", "openat":
		if c.name == "open" {
			args = append([]string{"AT_FDCWD"}, args...)
		}
		path := unquote(args[1])
		h := &handle{path: path}
		if strings.HasPrefix(path, d.root) && !strings.HasSuffix(path, "-shm") && !strings.Contains(args[2], "O_DIRECTORY") {
			if info, err := os.Stat(path); err != nil || !info.IsDir() {
				h.file = d.names[path]
				if h.file == nil {
					h.file = &inode{}
					d.names[path] = h.file
				}
			}
		}
		d.fds[c.result] = h
	case "close":
		n, _ := strconv.Atoi(args[0])
		delete(d.fds, n)
	case "write":
		if args[0] == "1" {
			return unquote(args[1])
		}
		if h := fd(); h != nil && h.file != nil {
			data := []byte(unquote(args[1]))[:c.result]
			h.file.pending = append(h.file.pending, write{at: d.n, off: h.offset, data: data})
			h.offset += int64(c.result)
		}
	case "pwrite64":
		if h := fd(); h != nil && h.file != nil {
			off, _ := strconv.ParseInt(args[3], 10, 64)
			h.file.pending = append(h.file.pending, write{at: d.n, off: off, data: []byte(unquote(args[1]))[:c.result]})
		}
	case "ftruncate":
		if h := fd(); h != nil && h.file != nil {
			size, _ := strconv.ParseInt(args[1], 10, 64)
			h.file.pending = append(h.file.pending, write{at: d.n, off: size, cut: true})
		}
	case "fsync", "fdatasync":
		h := fd()
		if h == nil {
			return ""
		}
		if h.file == nil {
			for _, move := range d.moving[h.path] {
				move(d.sure)
			}
			delete(d.moving, h.path)
			return ""
		}
		// Only what was written before it began is sure. A new file's name lasts with its content on every common file system; a new name of an old file does not.
		rest := h.file.pending[:0:0]
		for _, w := range h.file.pending {
			if w.at <= c.start {
				h.file.sure = w.apply(h.file.sure)
			} else {
				rest = append(rest, w)
			}
		}
		h.file.pending = rest
		if d.names[h.path] == h.file {
			d.sure[h.path] = h.file
		}
	case "rename", "renameat", "renameat2":
		i := slices.IndexFunc(args, func(a string) bool { return strings.HasPrefix(a, `"`) })
		from := unquote(args[i])
		to := unquote(args[slices.IndexFunc(args[i+1:], func(a string) bool { return strings.HasPrefix(a, `"`) })+i+1])
		file := d.names[from]
		delete(d.names, from)
		d.names[to] = file
		for _, h := range d.fds {
			if h.file == file && file != nil {
				h.path = to
			}
		}
		d.moving[filepath.Dir(to)] = append(d.moving[filepath.Dir(to)], func(sure map[string]*inode) {
			delete(sure, from)
			sure[to] = file
		})
	case "unlink", "unlinkat":
		i := slices.IndexFunc(args, func(a string) bool { return strings.HasPrefix(a, `"`) })
		path := unquote(args[i])
		gone := d.names[path]
		delete(d.names, path)
		d.moving[filepath.Dir(path)] = append(d.moving[filepath.Dir(path)], func(sure map[string]*inode) {
			if sure[path] == gone { // a new file may have come to the name
				delete(sure, path)
			}
		})
	}
	return ""
}

func (w write) apply(to []byte) []byte {
	if w.cut {
		if int64(len(to)) > w.off {
			return to[:w.off:w.off]
		}
		return append(to, make([]byte, w.off-int64(len(to)))...)
	}
	if end := w.off + int64(len(w.data)); int64(len(to)) < end {
		to = append(to, make([]byte, end-int64(len(to)))...)
	}
	copy(to[w.off:], w.data)
	return to
}

// tear returns a disk where some of what is pending has arrived too: any of it, in any order, some of it in part.
func (d *disk) tear(rng *rand.Rand) *disk {
	torn := newDisk(d.root)
	for path, file := range d.sure {
		content := slices.Clone(file.sure)
		for _, w := range file.pending {
			switch rng.IntN(3) {
			case 0:
				continue
			case 1:
				if !w.cut && len(w.data) > 512 {
					w.data = w.data[:512*(1+rng.IntN(len(w.data)/512))]
				}
			}
			content = w.apply(content)
		}
		torn.sure[path] = &inode{sure: content}
	}
	return torn
}

// write lays out what is sure in a folder.
func (d *disk) write(image string) error {
	err := filepath.WalkDir(d.root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(d.root, path)
		if err != nil {
			return err
		}
		return os.MkdirAll(filepath.Join(image, rel), 0o700)
	})
	if err != nil {
		return err
	}
	for path, file := range d.sure {
		rel, err := filepath.Rel(d.root, path)
		if err != nil || strings.HasPrefix(rel, "..") || file == nil {
			continue
		}
		if err := os.WriteFile(filepath.Join(image, rel), file.sure, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// splitArgs splits at commas outside of quotes.
func splitArgs(s string) []string {
	var args []string
	quoted, begin := false, 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			quoted = !quoted // with -xx there is no quote inside
		case ',':
			if !quoted {
				args = append(args, strings.TrimSpace(s[begin:i]))
				begin = i + 1
			}
		}
	}
	return append(args, strings.TrimSpace(s[begin:]))
}

// unquote decodes "\x41\x42".
func unquote(s string) string {
	s = strings.Trim(strings.TrimSuffix(s, "..."), `"`)
	out := make([]byte, 0, len(s)/4)
	for i := 0; i+3 < len(s); i += 4 {
		b, err := strconv.ParseUint(s[i+2:i+4], 16, 8)
		if err != nil {
			return fmt.Sprintf("not readable: %q", s)
		}
		out = append(out, byte(b))
	}
	return string(out)
}
