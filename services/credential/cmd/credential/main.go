// Command credential runs the credential service alone.
package main

import (
	"github.com/tidegate-io/tidegate/libs/app"
	"github.com/tidegate-io/tidegate/services/credential"
)

func main() { app.Main(credential.Service()) }
