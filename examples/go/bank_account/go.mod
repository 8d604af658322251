module bankaccount

go 1.24

require thalo v0.9.0
