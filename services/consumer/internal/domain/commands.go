package domain

import "github.com/tidegate-io/tidegate/events/consumer"

// Command is what can be asked of a consumer.
type Command interface{ command() }

// Register makes a consumer. Its id and team never change.
type Register struct {
	ID   string
	Team string // empty: an administrator's, of no team
	Profile
}

// Profile is everything about a consumer that can be changed.
type Profile struct {
	Name          string
	Description   string
	Labels        map[string]string
	ContactSealed []byte // empty: none
	Limits        *consumer.Limits
}

// Update makes the profile what the command says; what is equal is left alone.
type Update struct{ Profile }

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
