//go:build tools

// Names the packages that the toolchain builds.
package tools

import _ "github.com/google/go-containerregistry/cmd/crane"
