"""Landing: extracts become rows of the raw contract, exactly once, in one transaction each."""
