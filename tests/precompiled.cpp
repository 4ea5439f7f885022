// Nothing but a place for the tests' precompiled headers to be made.
