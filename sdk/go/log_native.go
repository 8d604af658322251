//go:build !wasip1

package thalo

import (
	"fmt"
	"os"
)

func write(level level, message string) {
	fmt.Fprintf(os.Stderr, "%s: %s\n", [...]string{"trace", "debug", "info", "warn", "error"}[level], message)
}
