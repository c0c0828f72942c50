package bridge

// Bell wakes the other processes that share a store. Nothing depends on it: who is not woken looks a while later.
type Bell interface {
	// Ring tells them about a topic, soon. It never waits.
	Ring(topic string)
}

// OutboxTopic is rung when deliveries were added.
const OutboxTopic = "outbox"

// Heard takes what another process rang. An empty topic means that something may have been missed.
func (g *Gateway) Heard(topic string) {
	if topic == OutboxTopic || topic == "" {
		g.wakeWorker()
	}
}

// wake tells a worker to look, here or in another process. It is called after the commit.
func (g *Gateway) wake() {
	g.wakeWorker()
	if g.bell != nil {
		g.bell.Ring(OutboxTopic)
	}
}

func (g *Gateway) wakeWorker() {
	select {
	case g.outbox <- struct{}{}:
	default:
	}
}
