"""Keep the events outside the warehouse file: Parquet in a folder or a bucket, a lake."""
