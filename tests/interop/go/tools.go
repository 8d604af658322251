//go:build tools

// The interoperability client of gRPC for Go, pinned by go.mod and go.sum.
package interop

import _ "google.golang.org/grpc/interop/client"
