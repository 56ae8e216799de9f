package sqlstore

// Step is a moment in an append at which a test may break it.
type Step string

// The steps of an append, in order.
const (
	StepLocked    Step = "locked"    // the head row is ours and everything is checked
	StepFolded    Step = "folded"    // every view is folded, in memory
	StepWritten   Step = "written"   // events, claims, material and views are written
	StepAnswered  Step = "answered"  // the answer is rendered and kept
	StepCommitted Step = "committed" // committed, and the caller does not know yet
)

// Steps are all steps, in order.
var Steps = []Step{StepLocked, StepFolded, StepWritten, StepAnswered, StepCommitted}

// InjectFault has f called at each step of each append; its error fails the
// append there. It is for the conformance suite alone.
func (s *Store) InjectFault(f func(Step) error) { s.fault = f }

func (s *Store) reached(step Step) error {
	if s.fault == nil {
		return nil
	}
	return s.fault(step)
}
