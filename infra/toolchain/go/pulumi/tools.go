//go:build tools

// Names the packages that the toolchain builds.
package tools

import _ "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
