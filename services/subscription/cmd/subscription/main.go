// Command subscription runs the subscription service alone.
package main

import (
	"github.com/tidegate-io/tidegate/libs/app"
	"github.com/tidegate-io/tidegate/services/subscription"
)

func main() { app.Main(subscription.Service()) }
