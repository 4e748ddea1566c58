"""Landing: extracts become rows of the raw contract, exactly once, each in one transaction."""
