package thalo

import "fmt"

type level int32

const (
	levelTrace level = iota
	levelDebug
	levelInfo
	levelWarn
	levelError
)

// Logf writes a line to the runtime's log, with the stream's name; natively, to standard error. So do fmt.Print and the
// package log.
func Logf(format string, arguments ...any) { write(levelInfo, fmt.Sprintf(format, arguments...)) }

// Warnf is Logf for what should not be.
func Warnf(format string, arguments ...any) { write(levelWarn, fmt.Sprintf(format, arguments...)) }

// Debugf is Logf for what is seldom wanted.
func Debugf(format string, arguments ...any) { write(levelDebug, fmt.Sprintf(format, arguments...)) }
