"""Build the marts on Apache Spark, from a lake and back to the warehouse."""
