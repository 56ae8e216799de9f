package app

func registerOperations(d Deps, part *part) {}
