// Command portal is the single management address: it routes calls to the
// services that own them.
package main

import (
	"github.com/tidegate-io/tidegate/libs/app"
	"github.com/tidegate-io/tidegate/services/portal"
)

func main() { app.Main(portal.Service()) }
