package bridge_test

import (
	"os"
	"os/exec"
	"testing"

	"letterlock/store/pgtest"
)

// engineVariable set to postgres makes all tests of this package keep their world on PostgreSQL.
const engineVariable = "LETTERLOCK_TEST_ENGINE"

func onPostgres() bool { return os.Getenv(engineVariable) == "postgres" }

// TestOnPostgreSQL runs all tests of this package once more, on the other engine.
func TestOnPostgreSQL(t *testing.T) {
	if onPostgres() {
		return
	}
	if os.Getenv("LETTERLOCK_TEST_REQUIRE") != "all" {
		t.Skip("it takes as long as all others together: set LETTERLOCK_TEST_REQUIRE=all, or LETTERLOCK_TEST_ENGINE=postgres for all tests")
	}
	pgtest.New(t) // skips where there is none
	c := exec.Command(os.Args[0], "-test.timeout=9m")
	c.Env = append(os.Environ(), engineVariable+"=postgres")
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("on PostgreSQL: %v\n%s", err, out)
	}
}
