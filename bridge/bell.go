package bridge

import "context"

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
	if topic == DueTopic || topic == "" {
		g.wakePoster()
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

// update is store.Update for what may fill the outbox: if it did, a worker is told after the commit.
func (g *Gateway) update(ctx context.Context, fn func(Tx) error) error {
	filled := false
	err := g.store.Update(ctx, func(tx Tx) error {
		filled = false // it may run again
		return fn(outboxTx{tx, &filled})
	})
	if err == nil && filled {
		g.wake()
	}
	return err
}

// outboxTx notices when a delivery is added.
type outboxTx struct {
	Tx
	filled *bool
}

// AddDelivery implements Deliveries.
func (o outboxTx) AddDelivery(ctx context.Context, d Delivery) error {
	*o.filled = true
	return o.Tx.AddDelivery(ctx, d)
}
