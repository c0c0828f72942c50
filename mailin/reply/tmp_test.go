package reply
import ("testing";"strings";"time";"runtime")
func TestTmpBig(t *testing.T) {
	for name, unit := range hostile {
		in := strings.Repeat(unit, (10<<20)/len(unit))
		var m0, m1 runtime.MemStats
		runtime.GC(); runtime.ReadMemStats(&m0)
		b := time.Now(); r := Text(in); a := time.Since(b); runtime.ReadMemStats(&m1)
		b = time.Now(); h := HTML(in); c := time.Since(b)
		var m2 runtime.MemStats; runtime.ReadMemStats(&m2)
		if a > 500*time.Millisecond || c > 800*time.Millisecond || m1.Sys > 500<<20 || m2.TotalAlloc-m1.TotalAlloc > 500<<20 {
		t.Logf("%-22s text %v (%d spans, alloc %dMB) html %v (%d spans, alloc %dMB) sys %dMB", name, a, len(r.Spans), (m1.TotalAlloc-m0.TotalAlloc)>>20, c, len(h.Spans), (m2.TotalAlloc-m1.TotalAlloc)>>20, m2.Sys>>20)
		}
	}
}
