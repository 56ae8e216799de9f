module github.com/tidegate-io/tidegate/services/gateway

go 1.26.0

replace (
	github.com/tidegate-io/tidegate/events => ../../events
	github.com/tidegate-io/tidegate/libs => ../../libs
)

require (
	github.com/gofiber/fiber/v2 v2.52.15
	github.com/prometheus/client_golang v1.25.0
	github.com/tidegate-io/tidegate/events v0.0.0
	github.com/tidegate-io/tidegate/libs v0.0.0
	github.com/valyala/fasthttp v1.74.0
)
