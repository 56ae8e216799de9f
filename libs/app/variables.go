package app

import (
	"slices"

	"github.com/caarlos0/env/v11"
)

// Variables answers the names of all environment variables that configure a
// program, in order, those that name a file with a secret included.
func Variables() []string {
	var names []string
	for _, e := range []any{&environment{}, &keyringEnvironment{}} {
		fields, err := env.GetFieldParams(e)
		if err != nil {
			panic("app: the environment's tags are wrong: " + err.Error())
		}
		for _, field := range fields {
			names = append(names, field.Key)
		}
	}
	for _, name := range secretVariables {
		names = append(names, name+"_FILE")
	}
	slices.Sort(names)
	return names
}
