package thalo

// What the module serves.
var exported *Definition

// Export makes T the module's aggregate. Call it in an init function; natively it only checks T.
func Export[T any, P interface {
	*T
	Aggregate
}]() {
	if exported != nil {
		panic("thalo: a module has one aggregate; Export was called twice")
	}
	exported = Define[T, P]()
}
