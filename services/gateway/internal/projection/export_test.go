package projection

import "time"

// Tend does what is due at a moment.
func (p *Projection) Tend(now time.Time) error {
	p.mu.Lock()
	g := p.current
	p.mu.Unlock()
	return g.compactWhenDue(now)
}

// Compact writes a snapshot now.
func (p *Projection) Compact() error {
	p.mu.Lock()
	g := p.current
	p.mu.Unlock()
	return g.compact()
}
