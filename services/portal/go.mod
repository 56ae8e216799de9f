module github.com/tidegate-io/tidegate/services/portal

go 1.26.0

replace (
	github.com/tidegate-io/tidegate/events => ../../events
	github.com/tidegate-io/tidegate/libs => ../../libs
)

require (
	github.com/tidegate-io/tidegate/events v0.0.0
	github.com/tidegate-io/tidegate/libs v0.0.0
)
