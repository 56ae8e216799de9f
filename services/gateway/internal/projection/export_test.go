package projection

// Compact writes a snapshot now.
func (p *Projection) Compact() error {
	p.mu.Lock()
	g := p.current
	p.mu.Unlock()
	return g.compact()
}
