package domain

// Command is what can be asked of a consumer.
type Command interface{ command() }

// Register makes a consumer.
type Register struct {
	ID      string
	Team    string // empty: an administrator's, of no team
	Profile Profile
}

// Update makes of the present profile what Change answers; what is equal is left
// alone. Change is pure: it is run again when somebody else was faster.
type Update struct {
	Change func(Profile) (Profile, error)
}

// Suspend has its calls refused until it is resumed.
type Suspend struct{ Reason string }

// Resume has its calls judged again.
type Resume struct{ Reason string }

// Delete ends it for good.
type Delete struct{}

func (Register) command() {}
func (Update) command()   {}
func (Suspend) command()  {}
func (Resume) command()   {}
func (Delete) command()   {}
