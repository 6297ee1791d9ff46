module fencepost/tests/differential/s2_porcupine

go 1.23

require (
	github.com/anishathalye/porcupine v1.0.3
	github.com/zeebo/xxh3 v1.1.0
)

require (
	github.com/klauspost/cpuid/v2 v2.2.10 // indirect
	golang.org/x/sys v0.30.0 // indirect
)
