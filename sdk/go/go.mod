module thalo

go 1.24
