// In the place of a package that another loads and we never call: a use of it fails as that of a function that is not there.
export {}
